using Azure.Core;
using Azure.Identity;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>Signs in to Azure Database for PostgreSQL with the process's managed identity: a token of the identity is the password, so there is none to keep.</summary>
internal static class DatabaseIdentity
{
    // https://learn.microsoft.com/azure/postgresql/flexible-server/how-to-connect-with-managed-identity
    private static readonly TokenRequestContext s_database = new(["https://ossrdbms-aad.database.windows.net/.default"]);

    /// <summary>Every new session is opened with a token. The credential keeps a token until shortly before it expires, so few sessions wait for one.</summary>
    public static void SignIn(NpgsqlDataSourceBuilder builder, TokenCredential credential) => builder.UsePasswordProvider(
        _ => credential.GetToken(s_database, default).Token, // the driver has no token here either
        async (_, cancellationToken) => (await credential.GetTokenAsync(s_database, cancellationToken)).Token);

    /// <summary>Why a session could not be opened, where the identity got no token; null for every other failure. The message of the driver says only that there was no password.</summary>
    public static string? Explain(Exception exception)
    {
        for (var cause = exception; cause is not null; cause = cause.InnerException)
            if (cause is AuthenticationFailedException) return $"the managed identity was given no token for the database (Database:ManagedIdentity): {FirstLine(cause.Message)}";
        return null;
    }

    private static string FirstLine(string text) => text.AsSpan().TrimStart().IndexOfAny('\r', '\n') is >= 0 and var end ? text.TrimStart()[..end] : text.Trim();
}
