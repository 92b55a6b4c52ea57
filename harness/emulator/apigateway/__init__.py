"""API Gateway's front doors: requests to APIs, answered by functions and state machines. moto keeps the APIs."""
