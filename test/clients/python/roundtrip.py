"""CLIENT BOOTSTRAP TOPIC: produces with every codec that the client has, reads in a group, commits, and goes on where it was.

Prints one line of JSON: the codecs, and what was read first and after the restart, as [partition, offset, key, value, headers].
"""
import asyncio
import json
import sys

client, bootstrap, topic = sys.argv[1:4]
COUNT = 10


def shown(partition, offset, key, value, headers):
    return [partition, offset, key and key.decode(), value and value.decode(), [[k, v.decode()] for k, v in headers or []]]


def messages(codec, after=""):
    return [(f"{codec}{i}", None if i == 3 else f"{codec} {after}{i} " + "x" * 200) for i in range(COUNT)]


def kafka_python():
    from kafka import KafkaConsumer, KafkaProducer

    codecs = [None, "gzip", "snappy", "lz4", "zstd"]

    def produce(codec, after=""):
        producer = KafkaProducer(bootstrap_servers=bootstrap, compression_type=codec, enable_idempotence=True)
        for key, value in messages(codec, after):
            producer.send(topic, key=key.encode(), value=value and value.encode(), headers=[("codec", str(codec).encode())])
        producer.close()

    def consume(count):
        consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id="g-" + topic, auto_offset_reset="earliest", enable_auto_commit=False)
        read = []
        for m in consumer:
            read.append(shown(m.partition, m.offset, m.key, m.value, m.headers))
            if len(read) == count:
                break
        consumer.commit()
        consumer.close()
        return read

    for codec in codecs:
        produce(codec)
    first = consume(COUNT * len(codecs))
    produce(None, "again ")
    return codecs, first, consume(COUNT)


def confluent_kafka():
    from confluent_kafka import Consumer, Producer

    codecs = ["none", "gzip", "snappy", "lz4", "zstd"]

    def produce(codec, after=""):
        producer = Producer({"bootstrap.servers": bootstrap, "compression.type": codec, "enable.idempotence": True})
        for key, value in messages(codec, after):
            producer.produce(topic, key=key, value=value, headers=[("codec", codec)])
        if producer.flush(30) != 0:
            raise RuntimeError("not all was delivered")

    def consume(count):
        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "g-" + topic, "auto.offset.reset": "earliest", "enable.auto.commit": False})
        consumer.subscribe([topic])
        read = []
        while len(read) < count:
            m = consumer.poll(30)
            if m is None:
                raise RuntimeError(f"{len(read)} of {count} came")
            if m.error():
                raise RuntimeError(m.error())
            read.append(shown(m.partition(), m.offset(), m.key(), m.value(), m.headers()))
        consumer.commit(asynchronous=False)
        consumer.close()
        return read

    for codec in codecs:
        produce(codec)
    first = consume(COUNT * len(codecs))
    produce("none", "again ")
    return codecs, first, consume(COUNT)


async def aiokafka():
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    codecs = [None, "gzip", "snappy", "lz4", "zstd"]

    async def produce(codec, after=""):
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type=codec, enable_idempotence=True) as producer:
            for key, value in messages(codec, after):
                await producer.send(topic, key=key.encode(), value=value and value.encode(), headers=[("codec", str(codec).encode())])

    async def consume(count):
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id="g-" + topic, auto_offset_reset="earliest", enable_auto_commit=False)
        async with consumer:
            read = []
            async for m in consumer:
                read.append(shown(m.partition, m.offset, m.key, m.value, m.headers))
                if len(read) == count:
                    break
            await consumer.commit()
            return read

    for codec in codecs:
        await produce(codec)
    first = await consume(COUNT * len(codecs))
    await produce(None, "again ")
    return codecs, first, await consume(COUNT)


run = {"kafka-python": kafka_python, "confluent-kafka": confluent_kafka, "aiokafka": lambda: asyncio.run(aiokafka())}
codecs, first, second = run[client]()
print(json.dumps({"codecs": [str(codec) for codec in codecs], "first": first, "second": second}))
