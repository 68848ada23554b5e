//! Results of calls in Redis, in the format of Celery.
