"""What the programs here read and print: ../program.ts says what it means."""
import base64
import json
import sys
import threading
from types import SimpleNamespace

lock = threading.Lock()


def say(**line):
    with lock:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def bytes_of(text):
    return None if text is None else base64.b64decode(text)


def text_of(content):
    return None if content is None else base64.b64encode(content).decode()


def sent(line):
    """A record to send, of a line of input."""
    record = SimpleNamespace(**json.loads(line))
    record.key = bytes_of(record.key)
    record.value = bytes_of(record.value)
    record.headers = [(name, bytes_of(value)) for name, value in record.headers]
    return record


def delivered(id, partition, offset):
    say(acked=id, partition=partition, offset=offset)


def refused(id, error):
    say(refused=id, error=str(error))


def received(partition, offset, timestamp, key, value, headers):
    """A record that was read, as it is printed."""
    return {
        "partition": partition,
        "offset": offset,
        "timestamp": timestamp,
        "key": text_of(key),
        "value": text_of(value),
        "headers": [(name, text_of(content)) for name, content in headers or []],
    }


def input_ended():
    """An event: the program is to leave its group and end."""
    ended = threading.Event()

    def wait():
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    return ended


def main(produce, consume):
    """Runs what the first argument names."""
    command, options = sys.argv[1:3]
    return {"produce": produce, "consume": consume}[command](SimpleNamespace(**{"instance": None, **json.loads(options)}))
