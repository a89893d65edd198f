using System.CommandLine;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>Prints what a shell needs to complete this program's commands, options and values. The program itself answers what there is to complete.</summary>
internal static class CompletionCommand
{
    private const string Name = "consent-snapshots";

    public static Command Create(CommandContext context)
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh or fish." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", $"Print shell completion: source <({Name} completion bash)") { shell };
        command.SetAction(async (parsed, _) =>
        {
            await context.WriteLineAsync(parsed.GetValue(shell) switch { "bash" => Bash, "zsh" => Zsh, _ => Fish });
            return ExitCodes.Done;
        });
        return command;
    }

    // Each hands over the line up to the cursor. The program takes what stands before the first blank for its own name.
    private const string Bash =
        $$"""
        _consent_snapshots() {
            local IFS=$'\n'
            COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o default -F _consent_snapshots {{Name}}
        """;

    private const string Zsh =
        $$"""
        _consent_snapshots() {
            local -a found
            found=("${(@f)$("${words[1]}" "[suggest:$CURSOR]" "$BUFFER" 2>/dev/null)}")
            compadd -a found
        }
        compdef _consent_snapshots {{Name}}
        """;

    private const string Fish =
        $$"""
        complete --no-files --command {{Name}} --arguments '({{Name}} "[suggest:"(commandline --cursor)"]" (commandline) 2>/dev/null)'
        """;
}
