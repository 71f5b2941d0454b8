"""Scenarios of paho-mqtt: `paho_scenarios.py <scenario> <port> <3|4|5>`; an assertion ends it."""

import sys
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PORT, VERSION = int(sys.argv[2]), int(sys.argv[3])
DEADLINE_S = 20


class Client:
    """A connected client that keeps what it receives."""

    def __init__(self, client_id, clean=True, expiry_s=0):
        self.received, self.changed = [], threading.Condition()
        self.suback = threading.Event()
        self.connack = threading.Event()
        arguments = {"client_id": client_id, "protocol": VERSION}
        if VERSION != mqtt.MQTTv5:
            arguments["clean_session"] = clean
        self.mqtt = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, **arguments)
        self.mqtt.on_message = self._message
        self.mqtt.on_connect = lambda *a: self.connack.set()
        self.mqtt.on_subscribe = lambda *a: self.suback.set()
        options = {}
        if VERSION == mqtt.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = expiry_s
            options = {"clean_start": clean, "properties": properties}
        self.mqtt.connect("127.0.0.1", PORT, 30, **options)
        self.mqtt.loop_start()
        assert self.connack.wait(DEADLINE_S), "no CONNACK"

    def _message(self, _client, _userdata, message):
        with self.changed:
            self.received.append(message)
            self.changed.notify_all()

    def subscribe(self, topic, qos):
        self.suback.clear()
        self.mqtt.subscribe(topic, qos)
        assert self.suback.wait(DEADLINE_S), "no SUBACK"

    def publish(self, topic, payload, qos, properties=None):
        info = self.mqtt.publish(topic, payload, qos, properties=properties)
        info.wait_for_publish(DEADLINE_S)
        assert info.is_published(), "not acknowledged"

    def wait(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.received) >= count, DEADLINE_S), f"{len(self.received)} of {count}"
        return [message.payload.decode() for message in self.received]

    def close(self):
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


def qos():
    for level in (0, 1):
        receiver, sender = Client(f"paho-r{level}-{VERSION}"), Client(f"paho-s{level}-{VERSION}")
        receiver.subscribe(f"paho/{VERSION}/qos/{level}", level)
        for n in range(100):
            sender.publish(f"paho/{VERSION}/qos/{level}", str(n), level)
        assert receiver.wait(100) == [str(n) for n in range(100)]
        receiver.close()
        sender.close()


def backlog():
    topic, name = f"paho/{VERSION}/backlog", f"paho-durable-{VERSION}"
    first = Client(name, clean=False, expiry_s=600)
    first.subscribe(topic, 1)
    first.close()
    sender = Client(f"paho-backlog-sender-{VERSION}")
    for n in range(100):
        sender.publish(topic, str(n), 1)
    back = Client(name, clean=False, expiry_s=600)
    assert back.wait(100) == [str(n) for n in range(100)]
    back.close()
    sender.close()


def resubscribe():
    receiver, sender = Client(f"paho-re-{VERSION}"), Client(f"paho-re-sender-{VERSION}")
    topic = f"paho/{VERSION}/resubscribe"
    receiver.subscribe(topic, 1)
    sender.publish(topic, "one", 1)
    receiver.wait(1)
    receiver.mqtt.unsubscribe(topic)
    time.sleep(0.3)
    sender.publish(topic, "two", 1)
    receiver.subscribe(topic, 1)
    sender.publish(topic, "three", 1)
    assert receiver.wait(2) == ["one", "three"]
    receiver.close()
    sender.close()


def properties():
    receiver, sender = Client("paho-p-receiver"), Client("paho-p-sender")
    receiver.subscribe("paho/properties", 1)
    sent = Properties(PacketTypes.PUBLISH)
    sent.UserProperty = [("a", "1"), ("a", "2"), ("b", "")]
    sent.PayloadFormatIndicator = 1
    sent.ContentType = "text/plain"
    sent.CorrelationData = b"\x00\xff"
    sender.publish("paho/properties", "body", 1, sent)
    receiver.wait(1)
    got = receiver.received[0].properties
    assert got.UserProperty == [("a", "1"), ("a", "2"), ("b", "")], got
    assert (got.PayloadFormatIndicator, got.ContentType, got.CorrelationData) == (1, "text/plain", b"\x00\xff"), got
    receiver.close()
    sender.close()


globals()[sys.argv[1]]()
