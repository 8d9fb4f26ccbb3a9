"""What serving a model costs, with other ways to serve it measured beside ours: `python -m benchmarks.models`."""
