"""Every write of the system: permission, then policy, then rows, audit and job, in one transaction."""
