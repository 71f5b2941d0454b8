"""An idempotent Kafka producer that never gives up: `chaos_writer.py <bootstrap> <topic> <name>`.

Writes `name:0`, `name:1`, … with at most 50 unanswered; prints `n` for every record acknowledged with acks=all.
Ends, after all is answered, when its standard input ends.
"""

import sys
import threading

from confluent_kafka import Producer

bootstrap, topic, name = sys.argv[1:4]
WINDOW = 50
stopping = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stopping.set()), daemon=True).start()
producer = Producer(
    {
        "bootstrap.servers": bootstrap,
        "enable.idempotence": True,
        "acks": "all",
        "message.timeout.ms": 0,
        "linger.ms": 1,
        "reconnect.backoff.ms": 20,
        "reconnect.backoff.max.ms": 200,
        "retry.backoff.ms": 50,
        "socket.timeout.ms": 5000,
    }
)


def answered(error, message):
    if error is not None:
        print(f"error {error}", flush=True)
    else:
        print(message.value().decode().split(":")[1], flush=True)


sent = 0
while not stopping.is_set():
    while len(producer) >= WINDOW and not stopping.is_set():
        producer.poll(0.05)
    producer.produce(topic, f"{name}:{sent}", on_delivery=answered)
    sent += 1
    producer.poll(0.002)
producer.flush(30)
