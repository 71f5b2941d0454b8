"""Scenarios of confluent-kafka (librdkafka): `confluent_scenarios.py <scenario> <bootstrap>`; an assertion ends it."""

import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic

BOOTSTRAP = sys.argv[2]
DEADLINE_S = 30
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def admin():
    return AdminClient({"bootstrap.servers": BOOTSTRAP})


def settle(futures):
    for future in futures.values():
        future.result(DEADLINE_S)


def produce(topic, values, **config):
    failures = []
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "linger.ms": 10, **config})
    for value in values:
        producer.produce(topic, value, key="k", on_delivery=lambda error, _: failures.append(error) if error else None)
        producer.poll(0)
    assert producer.flush(DEADLINE_S) == 0, "records without an answer"
    assert failures == [], failures


def consumer(group, topic, **config):
    member = Consumer(
        {"bootstrap.servers": BOOTSTRAP, "group.id": group, "auto.offset.reset": "earliest", "session.timeout.ms": 10000, **config}
    )
    member.subscribe([topic])
    return member


def read(member, count):
    values, deadline = [], time.monotonic() + DEADLINE_S
    while len(values) < count and time.monotonic() < deadline:
        message = member.poll(0.2)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        values.append(message.value().decode())
    return values


def codecs():
    for codec in CODECS:
        values = [f"{codec} {n} {'x' * 80}" for n in range(500)]
        produce(f"confluent-{codec}", values, **{"compression.type": codec})
        member = consumer(f"confluent-{codec}-group", f"confluent-{codec}")
        assert read(member, 500) == values, codec
        member.close()


def idempotent():
    values = [str(n) for n in range(2000)]
    produce("confluent-idempotent", values, **{"enable.idempotence": True, "acks": "all"})
    member = consumer("confluent-idempotent-group", "confluent-idempotent")
    assert read(member, 2000) == values
    member.close()


def topics():
    client = admin()
    settle(client.create_topics([NewTopic("confluent-admin", 2, 1, config={"retention.ms": "60000"})]))
    try:
        settle(client.create_topics([NewTopic("confluent-admin", 2, 1)]))
        raise AssertionError("a topic that exists was created again")
    except KafkaException as error:
        assert error.args[0].name() == "TOPIC_ALREADY_EXISTS", error
    try:
        settle(client.create_topics([NewTopic("confluent-bad", 1, 1, config={"no.such.config": "1"})]))
        raise AssertionError("an unknown config was accepted")
    except KafkaException as error:
        assert error.args[0].name() == "INVALID_CONFIG", error
    resource = ConfigResource(ConfigResource.Type.TOPIC, "confluent-admin")
    (future,) = client.describe_configs([resource]).values()
    assert future.result(DEADLINE_S)["retention.ms"].value == "60000"
    change = ConfigResource(
        ConfigResource.Type.TOPIC,
        "confluent-admin",
        incremental_configs=[ConfigEntry("retention.ms", "120000", incremental_operation=AlterConfigOpType.SET)],
    )
    settle(client.incremental_alter_configs([change]))
    (future,) = client.describe_configs([resource]).values()
    assert future.result(DEADLINE_S)["retention.ms"].value == "120000"
    settle(client.create_partitions([NewPartitions("confluent-admin", 3)]))
    deadline = time.monotonic() + DEADLINE_S
    while len(client.list_topics("confluent-admin", 5).topics["confluent-admin"].partitions) != 3:
        assert time.monotonic() < deadline, "three partitions never showed"
        time.sleep(0.1)
    settle(client.delete_topics(["confluent-admin"]))
    while "confluent-admin" in client.list_topics(timeout=5).topics:
        assert time.monotonic() < deadline, "the topic never went"
        time.sleep(0.1)


def rebalance():
    client = admin()
    settle(client.create_topics([NewTopic("confluent-rebalance", 4, 1)]))
    first = consumer("confluent-rebalance-group", "confluent-rebalance")
    second = None
    deadline = time.monotonic() + DEADLINE_S
    while len(first.assignment()) != 4:
        first.poll(0.1)
        assert time.monotonic() < deadline, "the first member never got all partitions"
    second = consumer("confluent-rebalance-group", "confluent-rebalance")
    while len(first.assignment()) != 2 or len(second.assignment()) != 2:
        first.poll(0.1)
        second.poll(0.1)
        assert time.monotonic() < deadline, "the partitions were never shared"
    second.close()
    while len(first.assignment()) != 4:
        first.poll(0.1)
        assert time.monotonic() < deadline, "the partitions never came back"
    first.close()


def times():
    produce("confluent-time", ["early"])
    between = int(time.time() * 1000) + 5
    time.sleep(0.02)
    produce("confluent-time", ["late"])
    member = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": "confluent-time-group"})
    (found,) = member.offsets_for_times([TopicPartition("confluent-time", 0, between)], DEADLINE_S)
    assert found.offset == 1, found
    assert member.get_watermark_offsets(TopicPartition("confluent-time", 0), DEADLINE_S) == (0, 2)
    member.close()


def commits():
    produce("confluent-commits", [str(n) for n in range(10)])
    first = consumer("confluent-commits-group", "confluent-commits", **{"enable.auto.commit": False})
    assert len(read(first, 10)) == 10
    first.commit(offsets=[TopicPartition("confluent-commits", 0, 6, metadata="note")], asynchronous=False)
    first.close()
    second = consumer("confluent-commits-group", "confluent-commits")
    assert read(second, 4) == ["6", "7", "8", "9"]
    second.close()


globals()[sys.argv[1]]()
