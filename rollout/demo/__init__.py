"""`verdigris demo`: a rollout from shadow to rollback on real processes with real requests, and its promises."""
