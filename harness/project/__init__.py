"""Any project: template, plan, deployment."""
