//! CelerySalt on RabbitMQ over lapin, in the wire format of Celery.

pub mod wire;
