"""Pages for fracture liaison nurses: the queue, and one patient's way along the pathway."""
