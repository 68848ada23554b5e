//! The orders, and the log in which the database itself writes down what happens to them.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};

/// Makes the tables of the outbox and those of the soak.
///
/// # Errors
/// The database's own.
pub async fn create(db: &DatabaseConnection) -> Result<(), DbErr> {
    celerysalt_migrations::sea_orm::up(db).await?;
    let statements = match db.get_database_backend() {
        DbBackend::MySql => MYSQL,
        _ => POSTGRES,
    };
    for statement in statements {
        db.execute_unprepared(statement).await?;
    }
    Ok(())
}

/// A row of `soak_log` is written under the lock of the order's row, in the transaction that changes it: so it is
/// committed if and only if the change is, and for each order `seq` counts in the order of the commits. It tells
/// an insert, a delete, another status, and a new ticket; whatever else is written to an order says nothing.
const POSTGRES: &[&str] = &[
    "CREATE TABLE soak_orders (
        id BIGINT PRIMARY KEY, status VARCHAR(20) NOT NULL, revision BIGINT NOT NULL, ticket VARCHAR(80),
        on_change_rules JSONB NOT NULL DEFAULT '[]')",
    "CREATE TABLE soak_log (
        seq BIGSERIAL PRIMARY KEY, order_id BIGINT NOT NULL, revision BIGINT NOT NULL,
        old_status VARCHAR(20), new_status VARCHAR(20), ticket VARCHAR(80))",
    "CREATE FUNCTION soak_write_down() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO soak_log (order_id, revision, new_status) VALUES (NEW.id, NEW.revision, NEW.status);
        ELSIF TG_OP = 'DELETE' THEN
            INSERT INTO soak_log (order_id, revision, old_status) VALUES (OLD.id, OLD.revision, OLD.status);
        ELSIF OLD.status <> NEW.status OR OLD.ticket IS DISTINCT FROM NEW.ticket THEN
            INSERT INTO soak_log (order_id, revision, old_status, new_status, ticket)
            VALUES (NEW.id, NEW.revision, OLD.status, NEW.status,
                CASE WHEN OLD.ticket IS DISTINCT FROM NEW.ticket THEN NEW.ticket END);
        END IF;
        RETURN NULL;
     END $$",
    "CREATE TRIGGER soak_write_down AFTER INSERT OR UPDATE OR DELETE ON soak_orders
     FOR EACH ROW EXECUTE FUNCTION soak_write_down()",
];

/// The same.
const MYSQL: &[&str] = &[
    "CREATE TABLE soak_orders (
        id BIGINT PRIMARY KEY, status VARCHAR(20) NOT NULL, revision BIGINT NOT NULL, ticket VARCHAR(80),
        on_change_rules JSON NOT NULL)",
    "CREATE TABLE soak_log (
        seq BIGINT PRIMARY KEY AUTO_INCREMENT, order_id BIGINT NOT NULL, revision BIGINT NOT NULL,
        old_status VARCHAR(20), new_status VARCHAR(20), ticket VARCHAR(80))",
    "CREATE TRIGGER soak_insert AFTER INSERT ON soak_orders FOR EACH ROW
     INSERT INTO soak_log (order_id, revision, new_status) VALUES (NEW.id, NEW.revision, NEW.status)",
    "CREATE TRIGGER soak_delete AFTER DELETE ON soak_orders FOR EACH ROW
     INSERT INTO soak_log (order_id, revision, old_status) VALUES (OLD.id, OLD.revision, OLD.status)",
    "CREATE TRIGGER soak_update AFTER UPDATE ON soak_orders FOR EACH ROW
     IF OLD.status <> NEW.status OR NOT OLD.ticket <=> NEW.ticket THEN
        INSERT INTO soak_log (order_id, revision, old_status, new_status, ticket)
        VALUES (NEW.id, NEW.revision, OLD.status, NEW.status,
            CASE WHEN NOT OLD.ticket <=> NEW.ticket THEN NEW.ticket END);
     END IF",
];
