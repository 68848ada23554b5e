"""Stock: a service on tchu-tchu, celery-salt's forerunner."""

import os

from celery import Celery
from kombu import Exchange, Queue, binding
from tchu_tchu import create_topic_dispatcher, get_subscribed_routing_keys, subscribe

app = Celery("stock", broker=os.environ["CELERYSALT_RABBITMQ_URL"], backend=os.environ["CELERYSALT_REDIS_URL"])
app.set_default()
app.conf.broker_connection_retry_on_startup = True


@subscribe("stock.reserve")
def reserve(asked):
    if asked["count"] > 10:
        return {"error_code": "SOLD_OUT", "error_message": f"only 10 of {asked['article']} are left", "details": None}
    return {"left": 10 - asked["count"]}


exchange = Exchange(os.environ["MESH_EXCHANGE"], type="topic", durable=True)
bindings = [binding(exchange, routing_key=key) for key in get_subscribed_routing_keys()]
app.conf.task_queues = (Queue(os.environ["MESH_QUEUE"], bindings=bindings),)
app.conf.task_default_queue = os.environ["MESH_QUEUE"]
create_topic_dispatcher(app)
