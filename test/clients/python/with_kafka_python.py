"""Produces or consumes with kafka-python."""
import sys

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from kafka.errors import KafkaConnectionError, KafkaError

import lines

ASSIGNORS = {
    "range": RangePartitionAssignor,
    "roundrobin": RoundRobinPartitionAssignor,
    "sticky": StickyPartitionAssignor,
    "cooperative-sticky": CooperativeStickyAssignor,
}


def produce(options):
    producers = {}

    def producer(codec):
        if codec not in producers:
            producers[codec] = KafkaProducer(
                bootstrap_servers=options.bootstrap,
                compression_type=None if codec == "none" else codec,
                enable_idempotence=options.idempotent,
                batch_size=1024,
                max_request_size=4 << 20,
                reconnect_backoff_max_ms=500,
            )
        return producers[codec]

    for line in sys.stdin:
        record = lines.sent(line)
        future = producer(record.codec).send(
            options.topic,
            partition=record.partition,
            timestamp_ms=record.timestamp,
            key=record.key,
            value=record.value,
            headers=record.headers,
        )
        future.add_callback(lambda sent, id=record.id: lines.delivered(id, sent.partition, sent.offset))
        future.add_errback(lambda error, id=record.id: lines.refused(id, error))
    for one in producers.values():
        one.close()


def consume(options):
    ended = lines.input_ended()
    consumer = KafkaConsumer(
        bootstrap_servers=options.bootstrap,
        group_id=options.group,
        group_instance_id=options.instance,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        partition_assignment_strategy=[ASSIGNORS[options.assignor]],
        session_timeout_ms=options.session,
        heartbeat_interval_ms=options.session // 20,
        reconnect_backoff_max_ms=500,
    )
    mine = set()

    class Listener(ConsumerRebalanceListener):
        def on_partitions_assigned(self, assigned):
            mine.update(one.partition for one in assigned)
            lines.say(assigned=sorted(mine))

        def on_partitions_revoked(self, revoked):
            mine.difference_update(one.partition for one in revoked)
            lines.say(assigned=sorted(mine))

    consumer.subscribe([options.topic], listener=Listener())
    # A leader that hears of the topic's partitions only after it has subscribed and joined joins again, and when a poll ends before
    # that join does, its outcome is lost for good (kafka-python 3.0.12): it must know them before it joins.
    consumer.topics()
    while not ended.is_set():
        try:
            messages = [message for batch in consumer.poll(timeout_ms=200).values() for message in batch]
        except KafkaConnectionError as error:
            # While nobody listens it may come out of a poll (of the heartbeat's look-up of the coordinator): the next one goes on.
            print(error, file=sys.stderr)
            continue
        if not messages:
            continue
        lines.say(records=[lines.received(m.partition, m.offset, m.timestamp, m.key, m.value, m.headers) for m in messages])
        try:
            consumer.commit()
        except KafkaError as error:
            # What is refused comes again.
            print(error, file=sys.stderr)
    consumer.close()


lines.main(produce, consume)
