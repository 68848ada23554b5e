//! Connections out of diesel-async's pools.

macro_rules! pooled {
    ($($feature:literal $connection:ty;)+) => {$(
        #[cfg(all(feature = "async-bb8", feature = $feature))]
        impl super::FollowConnection
            for diesel_async::pooled_connection::bb8::PooledConnection<'_, $connection>
        {
            async fn begin_save(&mut self) -> diesel::result::QueryResult<()> {
                (**self).begin_save().await
            }

            fn give_up(&mut self) {
                (**self).give_up();
            }
        }

        #[cfg(all(feature = "async-deadpool", feature = $feature))]
        impl super::FollowConnection for diesel_async::pooled_connection::deadpool::Object<$connection> {
            async fn begin_save(&mut self) -> diesel::result::QueryResult<()> {
                (**self).begin_save().await
            }

            fn give_up(&mut self) {
                (**self).give_up();
            }
        }
    )+};
}

pooled! {
    "async-postgres" diesel_async::AsyncPgConnection;
    "async-mysql" diesel_async::AsyncMysqlConnection;
    "async-sqlite" diesel_async::sync_connection_wrapper::SyncConnectionWrapper<diesel::SqliteConnection>;
}
