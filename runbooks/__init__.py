"""What a person does when a machine must not decide: one Markdown file for each situation."""
