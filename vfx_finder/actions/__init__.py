"""Every write of the system, one module a subject: permission, then policy, then rows, audit and job in one transaction."""
