using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Settings;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>
/// Reads an organization's rows although the database cannot give all of them: by halves, so that a bad row costs a few queries and not one for each row
/// beside it. All of it sees the transaction's one snapshot.
/// </summary>
/// <param name="transaction">The transaction, at least REPEATABLE READ.</param>
/// <param name="table">The table.</param>
/// <param name="organization">The parameter that says which organization's rows; a new one for each command.</param>
internal sealed class UnreadableRowSearch(NpgsqlTransaction transaction, TableName table, Func<NpgsqlParameter> organization)
{
    private const string Savepoint = "rows";

    private readonly HashSet<Guid> _unreadable = [];

    /// <summary>
    /// Whether an error may be one row's: a value that the database cannot compute, convert or send, or that we cannot take. Any other concerns the table,
    /// the server or the connection, and so everybody.
    /// </summary>
    public static bool MayBeOneRows(Exception exception) => exception switch
    {
        // Cardinality violation, data exception, two of external routines, program limit, raised by a function, internal error (damaged data).
        PostgresException { SqlState: { Length: 5 } state } => state[..2] is "21" or "22" or "38" or "39" or "54" or "P0" or "XX",
        InvalidCastException or FormatException or OverflowException or ArgumentException => true,
        _ => false,
    };

    /// <summary>The error's code or type: its message may hold a value.</summary>
    public static string Cause(Exception exception) => exception is PostgresException { SqlState: var state } ? $"SQLSTATE {state}" : exception.GetType().Name;

    /// <summary>Reads the rows, in no order. One that the database cannot give whole has a problem that says which columns it is.</summary>
    public async Task<List<Destination>> ReadAsync(CancellationToken cancellationToken)
    {
        var ids = await AskAsync(DestinationRows.IdsCommand(table, organization()), async reader =>
        {
            var found = new List<Guid>();
            while (await reader.ReadAsync(cancellationToken)) found.Add(reader.GetGuid(0));
            return found.ToArray();
        }, cancellationToken);
        return await ReadAsync(ids, cancellationToken);
    }

    /// <summary>
    /// Why a scope is not published of which the database can give no active row whole: the fault may be the database's, and nothing would take everything
    /// away for it. Null where there is a row, or none that is active.
    /// </summary>
    public string? ProblemOfAll(IEnumerable<Destination> rows)
    {
        var active = rows.Where(row => row.Enabled).ToList();
        return active.Count == 0 || !active.TrueForAll(row => _unreadable.Contains(row.Id))
            ? null
            : $"The database can give none of the {active.Count} active destination(s) of the scope. Destination {active[0].Id}: {active[0].Problem!.Message}";
    }

    private async Task<List<Destination>> ReadAsync(Guid[] ids, CancellationToken cancellationToken)
    {
        if (ids.Length == 0) return [];
        try
        {
            return await RowsAsync(ids, [], cancellationToken);
        }
        catch (Exception exception) when (MayBeOneRows(exception))
        {
            if (ids is [var id]) return await ReadUnreadableAsync(id, exception, cancellationToken);
            var half = ids.Length / 2;
            return [.. await ReadAsync(ids[..half], cancellationToken), .. await ReadAsync(ids[half..], cancellationToken)];
        }
    }

    /// <summary>Reads what can be read of a row: whose it is, and whether it is on.</summary>
    private async Task<List<Destination>> ReadUnreadableAsync(Guid id, Exception cause, CancellationToken cancellationToken)
    {
        _unreadable.Add(id);
        var columns = new List<string>();
        foreach (var column in DestinationRows.Columns)
        {
            try
            {
                await AskAsync(DestinationRows.ColumnCommand(table, organization(), id, column), async reader => await reader.ReadAsync(cancellationToken) && reader.IsDBNull(0), cancellationToken);
            }
            catch (Exception exception) when (MayBeOneRows(exception))
            {
                columns.Add(column);
                cause = exception;
            }
        }
        // Where each can be read alone and all together cannot, it is the only one that may be very long.
        if (columns.Count == 0) columns.Add("settings");
        var message = $"The database cannot give '{string.Join("', '", columns)}' of the row ({Cause(cause)}). Correct the row; the destination is left out until then.";
        var rows = await RowsAsync([id], columns, cancellationToken);
        return [.. rows.Select(row => row with { Problem = new DestinationProblem(row.Id, row.Type, row.Name, DestinationProblemKind.UnusableRow, columns[0], message) })];
    }

    private async Task<List<Destination>> RowsAsync(Guid[] ids, List<string> without, CancellationToken cancellationToken) =>
        await AskAsync(
            DestinationRows.Command(table, organization(), ids, without),
            async reader => (await DestinationRows.ReadAsync(reader, cancellationToken)).SelectMany(rows => rows).ToList(),
            cancellationToken);

    /// <summary>Asks something that may fail, and then puts the transaction back to where it can be asked something else; its snapshot stays.</summary>
    private async Task<T> AskAsync<T>(NpgsqlBatchCommand command, Func<NpgsqlDataReader, Task<T>> read, CancellationToken cancellationToken)
    {
        await transaction.SaveAsync(Savepoint, cancellationToken);
        try
        {
            await using var batch = new NpgsqlBatch(transaction.Connection, transaction) { BatchCommands = { command } };
            await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
            return await read(reader);
        }
        catch (Exception exception) when (MayBeOneRows(exception))
        {
            await transaction.RollbackAsync(Savepoint, cancellationToken);
            throw;
        }
    }
}
