"""A server for a class: JupyterHub on one machine, `make hub USERS=4`. docs/teach/server.md."""
