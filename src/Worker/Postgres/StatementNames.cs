using System.Text.RegularExpressions;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>
/// Names of spans for statements: what is done, and to which of our tables or with which of our functions. There are as many names as there are statements in this program, because values are
/// always parameters.
/// </summary>
internal static partial class StatementNames
{
    /// <summary>For example <c>update scopes</c>; <c>select</c> where a statement uses nothing of ours.</summary>
    public static string Of(string statement)
    {
        var (operation, target) = (Operation().Match(statement), Target().Match(statement));
        return (operation.Success, target.Success) switch
        {
            (true, true) => $"{operation.Value.ToLowerInvariant()} {target.Groups["name"].Value}",
            (true, false) => operation.Value.ToLowerInvariant(),
            _ => "statement",
        };
    }

    [GeneratedRegex(@"\b(?:select|insert|update|delete|set|listen|lock|begin|commit)\b", RegexOptions.IgnoreCase)]
    private static partial Regex Operation();

    [GeneratedRegex(@"\bconsent_snapshots\.(?<name>\w+)")]
    private static partial Regex Target();
}
