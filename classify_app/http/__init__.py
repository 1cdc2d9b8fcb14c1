"""What every request passes: the limit on its body, the middleware, and the answer to one that is refused."""
