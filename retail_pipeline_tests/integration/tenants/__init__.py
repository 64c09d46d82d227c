"""What a store's login may try in MongoDB, Kafka and Connect, and what becomes of it."""
