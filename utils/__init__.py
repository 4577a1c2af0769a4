"""What tasks and flows share at run time; it ships in the flow image and never imports a task or a flow."""
