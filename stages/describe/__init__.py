"""What a round is made of, in numbers: the paper's tables and figure, drops, agreement. Shard by shard."""
