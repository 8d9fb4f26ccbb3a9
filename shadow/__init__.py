"""Shadow deployments that end in a verdict: pairs, how they are compared, kept, judged and shown."""
