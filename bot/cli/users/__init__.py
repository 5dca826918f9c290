"""``users``: who copies, changed and looked at."""

import typer

from bot.cli.users import change, look, resume

app = typer.Typer()
app.callback(invoke_without_command=True)(look.users)
app.command("add", epilog=change.ADD_EXAMPLE)(change.add)
app.command("edit", epilog=change.EDIT_EXAMPLE)(change.edit)
app.command("disable")(change.disable)
app.command("enable")(change.enable)
app.command("remove")(change.remove)
app.command("schema")(change.schema)
app.command("resume")(resume.resume)
