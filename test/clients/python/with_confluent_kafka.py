"""Produces or consumes with confluent-kafka."""
import sys
import threading

from confluent_kafka import Consumer, KafkaException, Producer

import lines


def produce(options):
    producers = {}
    ending = threading.Event()

    def serve(producer):
        while not ending.is_set():
            producer.poll(0.1)

    def producer(codec):
        if codec not in producers:
            producers[codec] = Producer(
                {
                    "bootstrap.servers": options.bootstrap,
                    "compression.type": codec,
                    "enable.idempotence": options.idempotent,
                    "batch.size": 1024,
                    "linger.ms": 0,
                    "reconnect.backoff.max.ms": 500,
                }
            )
            threading.Thread(target=serve, args=[producers[codec]], daemon=True).start()
        return producers[codec]

    for line in sys.stdin:
        record = lines.sent(line)

        def told(error, message, id=record.id):
            lines.refused(id, error) if error else lines.delivered(id, message.partition(), message.offset())

        producer(record.codec).produce(
            options.topic,
            partition=record.partition,
            timestamp=record.timestamp,
            key=record.key,
            value=record.value,
            headers=record.headers,
            on_delivery=told,
        )
    for one in producers.values():
        one.flush()
    ending.set()


def consume(options):
    ended = lines.input_ended()
    settings = {
        "bootstrap.servers": options.bootstrap,
        "group.id": options.group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "partition.assignment.strategy": options.assignor,
        "session.timeout.ms": options.session,
        "heartbeat.interval.ms": options.session // 20,
        "reconnect.backoff.max.ms": 500,
    }
    if options.instance:
        settings["group.instance.id"] = options.instance
    consumer = Consumer(settings)
    mine = set()

    def assigned(_, partitions):
        mine.update(one.partition for one in partitions)
        lines.say(assigned=sorted(mine))

    def revoked(_, partitions):
        mine.difference_update(one.partition for one in partitions)
        lines.say(assigned=sorted(mine))

    consumer.subscribe([options.topic], on_assign=assigned, on_revoke=revoked, on_lost=revoked)
    while not ended.is_set():
        messages = [message for message in consumer.consume(500, timeout=0.2) if not message.error()]
        if not messages:
            continue
        lines.say(
            records=[
                lines.received(m.partition(), m.offset(), m.timestamp()[1], m.key(), m.value(), m.headers()) for m in messages
            ]
        )
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as error:
            # What is refused comes again.
            print(error, file=sys.stderr)
    consumer.close()


lines.main(produce, consume)
