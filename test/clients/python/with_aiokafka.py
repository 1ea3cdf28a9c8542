"""Produces or consumes with aiokafka."""
import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError

import lines

ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor, "sticky": StickyPartitionAssignor}


async def produce(options):
    producers = {}

    async def producer(codec):
        if codec not in producers:
            producers[codec] = AIOKafkaProducer(
                bootstrap_servers=options.bootstrap,
                compression_type=None if codec == "none" else codec,
                enable_idempotence=options.idempotent,
                acks="all",
                max_batch_size=1024,
                max_request_size=4 << 20,
                request_timeout_ms=120_000,
            )
            await producers[codec].start()
        return producers[codec]

    def told(id):
        def tell(future):
            error = future.exception()
            if error:
                lines.refused(id, error)
            else:
                lines.delivered(id, future.result().partition, future.result().offset)

        return tell

    while line := await asyncio.to_thread(sys.stdin.readline):
        record = lines.sent(line)
        future = await (await producer(record.codec)).send(
            options.topic,
            partition=record.partition,
            timestamp_ms=record.timestamp,
            key=record.key,
            value=record.value,
            headers=record.headers,
        )
        future.add_done_callback(told(record.id))
    for one in producers.values():
        await one.stop()


async def consume(options):
    ended = lines.input_ended()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=options.bootstrap,
        group_id=options.group,
        group_instance_id=options.instance,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        partition_assignment_strategy=[ASSIGNORS[options.assignor]],
        session_timeout_ms=options.session,
        heartbeat_interval_ms=options.session // 20,
    )

    class Listener(ConsumerRebalanceListener):
        async def on_partitions_assigned(self, assigned):
            lines.say(assigned=sorted(one.partition for one in assigned))

        async def on_partitions_revoked(self, revoked):
            lines.say(assigned=[])

    consumer.subscribe([options.topic], listener=Listener())
    await consumer.start()
    while not ended.is_set():
        messages = [message for batch in (await consumer.getmany(timeout_ms=200)).values() for message in batch]
        if not messages:
            continue
        lines.say(records=[lines.received(m.partition, m.offset, m.timestamp, m.key, m.value, m.headers) for m in messages])
        try:
            await consumer.commit()
        except KafkaError as error:
            # What is refused comes again.
            print(error, file=sys.stderr)
    await consumer.stop()


asyncio.run(lines.main(produce, consume))
