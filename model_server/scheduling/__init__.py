"""Who runs when: queues, batches, threads, runs on the event loop itself, and what is counted of them.

Decisions are pure and stand in `waiting`, `joining` and `inline`; `visit` does the work of one call or of several
joined; `scheduler` has the lock, the threads and the event loop. No transport here, and no repository.
"""
