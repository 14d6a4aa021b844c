"""What stands behind each verb of the command line; each module is imported when its verb is called."""
