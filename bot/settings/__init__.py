"""What the operator set: environment, users, credentials. Read once, checked, then handed down."""
