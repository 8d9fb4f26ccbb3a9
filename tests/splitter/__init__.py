"""The sidecar's promises; `rig` and `wire` are what the tests are told in."""
