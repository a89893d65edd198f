using ConsentSnapshots.Worker.Settings;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>Row-level security would hide rows from us without a word, and publishing what is left would take scripts away.</summary>
internal sealed class RowSecurityException : Exception
{
    /// <summary>It applies to the table itself.</summary>
    public RowSecurityException(string table, string? role) : base(
        $"Row-level security on {table} applies to role {role}, so rows may be hidden silently. Nothing is read. "
        + $"Let the worker log in with a role that is exempt: alter role {role} bypassrls, or the table's owner where security is not forced. "
        + $"Or let the role see every row: create policy consent_snapshots on {table} for select to {role} using (true), where no restrictive policy applies to the role.")
    { }

    /// <summary>It applies to a table that is read through the one that is configured, or has come to apply after the check.</summary>
    public RowSecurityException(string table, PostgresException refusal) : base(
        $"Row-level security of a table that {table} reads would hide rows from the worker: {refusal.MessageText}. Nothing is read. "
        + "Let the worker log in with a role that is exempt (alter role … bypassrls). Where the view has security_invoker=false, its owner is the role that counts.", refusal)
    { }
}

/// <summary>
/// Sees to it that no row is hidden from a read. Two situations are accepted. In the first, row-level security does not apply to the role: the read has <c>row_security = off</c>, so
/// that Postgres refuses a query that a policy would filter, be it of a table behind a view. In the second, it applies to the table itself, and a permissive policy
/// that is exactly <c>using (true)</c> lets the role see every row: the read has <c>row_security = on</c>, and the policies were checked in its transaction under a lock that
/// holds off their change.
/// </summary>
internal static class RowSecurity
{
    /// <summary>What the check answers where the table has to be locked before the transaction's snapshot is taken.</summary>
    public const string LockFirst = "lock first";

    /// <summary>
    /// Holds off a change of the policies until the transaction ends. To be sent before the first query: this takes no snapshot, so the snapshot is of after the lock. It needs the right
    /// to read the whole table.
    /// </summary>
    public static NpgsqlBatchCommand LockCommand(TableName table) => new($"lock table only {table.Quoted} in access share mode");

    /// <summary>
    /// An expression that is null where the read that follows sees every row, for which it switches <c>row_security</c> to what fits; <see cref="LockFirst"/>; or in square brackets the role
    /// from which rows would be hidden.
    /// </summary>
    public static string Check(TableName table, bool isLocked) =>
        $"""
        case
            when not row_security_active('{table.Quoted}'::regclass) then null
            when exists (select from pg_catalog.pg_policy p where p.polpermissive and pg_catalog.pg_get_expr(p.polqual, p.polrelid) = 'true' and {Applies(table)})
                and not exists (select from pg_catalog.pg_policy p where not p.polpermissive and {Applies(table)})
                then {(isLocked ? "nullif(set_config('row_security', 'on', true), 'on')" : $"'{LockFirst}'")}
            else '[' || current_user || ']'
        end
        """;

    /// <summary>Whether an error says that a policy would have filtered a query.</summary>
    public static bool IsRefusal(PostgresException exception) => exception is { SqlState: PostgresErrorCodes.InsufficientPrivilege, Routine: "check_enable_rls" };

    /// <summary>As Postgres itself decides it: policies of the table for SELECT or ALL, of everybody's or of a role whose rights ours has.</summary>
    private static string Applies(TableName table) =>
        $"""
        p.polrelid = '{table.Quoted}'::regclass and p.polcmd in ('r', '*')
        and exists (select from unnest(p.polroles) as r (oid) where r.oid = 0 or pg_catalog.pg_has_role(current_user, r.oid, 'usage'))
        """;
}
