"""A Python service of a mesh, on celery-salt or on tchu-tchu, for the tests of the Rust side.

`celery -A peer worker` handles events and writes what it got to a file, a JSON object a line.
`python peer.py` reads commands from its input, a JSON object a line, and answers each with a line.
"""

import datetime
import decimal
import json
import os
import sys
import typing
import uuid

from celery import Celery
from kombu import Exchange, Queue, binding

FLAVOUR = os.environ["PEER_FLAVOUR"]
EXCHANGE = os.environ["PEER_EXCHANGE"]
QUEUE = os.environ["PEER_QUEUE"]

app = Celery("peer", broker=os.environ["PEER_BROKER"], backend=os.environ["PEER_RESULTS"])
app.set_default()
app.conf.broker_connection_retry_on_startup = True
if os.environ["PEER_RESULTS"].startswith("redis"):
    app.conf.result_backend_transport_options = {"global_keyprefix": os.environ["PEER_KEYPREFIX"]}


def record(handler, data):
    with open(os.environ["PEER_RECORD"], "a", encoding="utf-8") as file:
        file.write(json.dumps({"handler": handler, "data": data}) + "\n")


if FLAVOUR == "celery_salt":
    from celery_salt import RPCError, TchuClient, event, subscribe
    from celery_salt.django.celery import setup_salt_queue

    def fields(data):
        return data.model_dump(mode="json")

    @event("mesh.versioned", version="v1", exchange_name=EXCHANGE)
    class VersionOne:
        number: int

    @event("mesh.versioned", version="v2", exchange_name=EXCHANGE)
    class VersionTwo:
        number: int

    @event("mesh.add", mode="rpc", exchange_name=EXCHANGE)
    class Add:
        a: int
        b: int

    @event.response("mesh.add")
    class Sum:
        result: int

    @event.error("mesh.add")
    class Refused:
        error_code: str
        error_message: str
        details: dict | None = None

    @event("mesh.echo", mode="rpc", exchange_name=EXCHANGE)
    class Echo:
        data: typing.Any

    @event.response("mesh.echo")
    class Echoed:
        data: typing.Any

    setup_salt_queue(app, queue_name=QUEUE, exchange_name=EXCHANGE)

    @subscribe("mesh.versioned", version="v1")
    def takes_version_one(data):
        record("v1", fields(data))

    @subscribe("mesh.versioned", version="v2")
    def takes_version_two(data):
        record("v2", fields(data))

    def refuse(code, message):
        raise RPCError(error_code=code, error_message=message, details={"limit": 1000})

    def call(topic, data, **options):
        return TchuClient(app).call(topic, data, **options)

    def publish(topic, data, **options):
        return TchuClient(app).publish(topic, data, exchange_name=EXCHANGE, **options)

else:
    from tchu_tchu import TchuClient, create_topic_dispatcher, get_subscribed_routing_keys, subscribe

    def fields(data):
        return data

    def refuse(code, message):
        return {"error_code": code, "error_message": message, "details": {"limit": 1000}}

    def call(topic, data, **options):
        return TchuClient(app).call(topic, data, **options)

    def publish(topic, data, **options):
        return TchuClient(app).publish(topic, data, **options)


# tchu-tchu takes `#` for no wildcard, and `*` for any text once a message is in its queue.
@subscribe("mesh.broadcast.#" if FLAVOUR == "celery_salt" else "mesh.broadcast.*")
def takes_all(data):
    record("all", fields(data))


@subscribe("mesh.broadcast.*.exact")
def takes_exact(data):
    record("exact", fields(data))


def add(a, b):
    if a != 7777 and a + b > 1000:
        return refuse("OVERFLOW", "the sum is over 1000")
    if a < 0:
        raise ValueError("a is negative")
    if a == 7777:
        return {"result": "thirteen"}
    return {"result": a + b}


@subscribe("mesh.add")
def adds(data):
    given = fields(data)
    return add(given["a"], given["b"])


@subscribe("mesh.echo")
def echoes(data):
    return {"data": fields(data)["data"]}


if FLAVOUR == "tchu_tchu":
    exchange = Exchange(EXCHANGE, type="topic", durable=True)
    bindings = [binding(exchange, routing_key=key) for key in get_subscribed_routing_keys()]
    app.conf.task_queues = (Queue(QUEUE, bindings=bindings, queue_arguments={"x-max-priority": 10}),)
    app.conf.task_default_queue = QUEUE
    app.conf.worker_prefetch_multiplier = 1
    app.conf.task_routes = {
        "tchu_tchu.dispatch_event": {"queue": QUEUE, "exchange": EXCHANGE, "exchange_type": "topic"}
    }
    create_topic_dispatcher(app)


# What JSON does not know, and Python's encoders know how to write.
TYPES = {
    "at": datetime.datetime(2026, 1, 25, 10, 30, 0, 250000, tzinfo=datetime.timezone.utc),
    "naive": datetime.datetime(2026, 1, 25, 10, 30),
    "day": datetime.date(2026, 1, 25),
    "time": datetime.time(10, 30),
    "amount": decimal.Decimal("99.90"),
    "id": uuid.UUID(int=7),
    "set": {1},
    "bytes": "Zoë".encode(),
    "nothing": None,
}


def call_as(task_id, topic, data, timeout):
    """A call of Celery's own, under an id of the caller's choice."""
    task = f"{FLAVOUR}.dispatch_event"
    event = json.dumps({**data, "_tchu_meta": {"is_rpc": True, "version": "v1"}})
    sent = app.send_task(
        task, args=[event], kwargs={"routing_key": topic}, routing_key=topic, exchange=EXCHANGE, task_id=task_id
    )
    return sent.get(timeout=timeout)


def do(command):
    verb = command.pop("do")
    if verb == "publish":
        return publish(command.pop("topic"), command.pop("data"), **command)
    if verb == "publish_types":
        return publish(command["topic"], TYPES)
    if verb == "call_types":
        return call(command["topic"], {"data": TYPES}, timeout=command["timeout"])
    if verb == "call_as":
        return call_as(**command)
    if verb == "kombu":
        from celery_salt.integrations.producer import publish_event

        return publish_event(
            command["topic"], command["data"], exchange_name=EXCHANGE, broker_url=os.environ["PEER_BROKER"]
        )
    if verb == "call":
        return call(command.pop("topic"), command.pop("data"), **command)
    raise ValueError(f"no command {verb}")


def main():
    for line in sys.stdin:
        try:
            answer = {"ok": do(json.loads(line))}
        except Exception as error:
            answer = {"error": type(error).__name__, "text": str(error)}
        print(json.dumps(answer, default=str), flush=True)


if __name__ == "__main__":
    main()
