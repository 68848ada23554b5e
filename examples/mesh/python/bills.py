"""Bills: a service on celery-salt. It knows nothing of Rust."""

import os

from celery import Celery
from celery_salt import TchuClient, subscribe
from celery_salt.django.celery import setup_salt_queue

app = Celery("bills", broker=os.environ["CELERYSALT_RABBITMQ_URL"], backend=os.environ["CELERYSALT_REDIS_URL"])
app.set_default()
app.conf.broker_connection_retry_on_startup = True
setup_salt_queue(app, queue_name=os.environ["MESH_QUEUE"], exchange_name=os.environ["MESH_EXCHANGE"])


@subscribe("order.*")
def bill(order):
    client = TchuClient(app)
    answer = client.call("shop.total", {"amount": order.amount}, timeout=20, allow_join=True)
    client.publish(
        "bill.sent",
        {"order_id": order.order_id, "amount": answer["total"]},
        exchange_name=os.environ["MESH_EXCHANGE"],
        version="v1",
    )
