"""Models that come and go under clients that come, go, cancel and crash: what a server keeps of them.

python -m benchmarks.models.churn --minutes 10
"""
