"""The fleet simulated: `python -m infra.simulate` replays a workload and compares scaling policies."""
