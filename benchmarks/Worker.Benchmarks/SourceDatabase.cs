using System.Text.Json;
using ConsentSnapshots.Worker.Postgres;
using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using NpgsqlTypes;

namespace ConsentSnapshots.Worker.Benchmarks;

/// <summary>The database of a control plane whose organizations have six destinations for each environment: a Meta Pixel of each environment's own, and five that all three share.</summary>
internal sealed class SourceDatabase(string connectionString) : IAsyncDisposable
{
    private const int Environments = 3;

    private readonly NpgsqlDataSource _database = NpgsqlDataSource.Create(connectionString);

    /// <summary>Creates the tables.</summary>
    public Task MigrateAsync() =>
        new DatabaseMigrator(new PostgresOptions { ConnectionString = connectionString }, NullLogger<DatabaseMigrator>.Instance)
            .MigrateAsync(new MigrationRequest { WithDestinations = true }, default);

    /// <summary>Empties the database and fills it with organizations that have this many scopes together; all of them are due.</summary>
    public async Task FillAsync(int scopes)
    {
        await ExecuteAsync("truncate destinations, consent_snapshots.changes, consent_snapshots.scopes, consent_snapshots.publications, consent_snapshots.workers");
        await using (var connection = await _database.OpenConnectionAsync())
        {
            await using var rows = await connection.BeginBinaryImportAsync(
                "copy destinations (organization_id, environment, type, name, settings, settings_encrypted, required_consent, created_at) from stdin (format binary)");
            for (var number = 0; number < scopes / Environments; number++)
            {
                var organization = OrganizationOf(number);
                foreach (var (place, (environment, type, settings, consent)) in Destinations(number).Index())
                {
                    await rows.StartRowAsync();
                    await rows.WriteAsync(organization, NpgsqlDbType.Uuid);
                    if (environment is null) await rows.WriteNullAsync();
                    else await rows.WriteAsync(environment, NpgsqlDbType.Varchar);
                    await rows.WriteAsync(type, NpgsqlDbType.Varchar);
                    await rows.WriteAsync(type, NpgsqlDbType.Varchar);
                    await rows.WriteAsync(JsonSerializer.Serialize(settings), NpgsqlDbType.Jsonb);
                    await rows.WriteAsync(false, NpgsqlDbType.Boolean);
                    await rows.WriteAsync(new[] { consent }, NpgsqlDbType.Array | NpgsqlDbType.Text);
                    await rows.WriteAsync(DateTime.UnixEpoch.AddDays(20_000).AddMinutes(place), NpgsqlDbType.TimestampTz);
                }
            }
            await rows.CompleteAsync();
        }
        await ExecuteAsync("analyze destinations");
    }

    /// <summary>An organization's id.</summary>
    public static Guid OrganizationOf(int number) => new(number, 1, 0x4000, [0x80, 0, 0, 0, 0, 0, 0, 0]);

    /// <summary>Gives one organization's Meta Pixel another id, in production.</summary>
    public async Task EditAsync(int organization, string pixelId)
    {
        await using var command = _database.CreateCommand(
            "update destinations set settings = jsonb_set(settings, '{pixelId}', to_jsonb($2)) where organization_id = $1 and environment = 'production' and type = 'meta-pixel'");
        command.Parameters.AddWithValue(OrganizationOf(organization));
        command.Parameters.AddWithValue(pixelId);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Changes what every scope publishes, in one transaction: bulk work.</summary>
    public Task EditAllAsync() => ExecuteAsync("update destinations set settings = jsonb_set(settings, '{pixelId}', to_jsonb((settings->>'pixelId') || 'A')) where type = 'tiktok-pixel'");

    /// <summary>How many scopes wait to be built or are being built, changes that nobody has taken in yet not counted.</summary>
    public async Task<long> CountPendingAsync()
    {
        await using var command = _database.CreateCommand("select count(*) from consent_snapshots.scopes where ready_at is not null or claim_token is not null");
        return (long)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>The id under which a process on this machine works; null where it has not said so yet.</summary>
    public async Task<Guid?> FindWorkerAsync(int process)
    {
        await using var command = _database.CreateCommand("select worker_id from consent_snapshots.workers where name = $1");
        command.Parameters.AddWithValue($"{Environment.MachineName}:{process}");
        return (Guid?)await command.ExecuteScalarAsync();
    }

    /// <summary>How many scopes a worker has claimed.</summary>
    public async Task<long> CountClaimsAsync(Guid worker)
    {
        await using var command = _database.CreateCommand("select count(*) from consent_snapshots.scopes where claimed_by = $1");
        command.Parameters.AddWithValue(worker);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _database.DisposeAsync();

    /// <summary>Every id is the organization's own, so that nothing can be remembered from another one.</summary>
    private static (string? Environment, string Type, Dictionary<string, string> Settings, string Consent)[] Destinations(int number) =>
    [
        (null, "google-tag-manager", new() { ["id"] = $"GTM-{number:D8}" }, "measurement"),
        (null, "google-analytics", new() { ["id"] = $"G-{number:D8}" }, "measurement"),
        ("development", "meta-pixel", new() { ["pixelId"] = $"1{number:D8}" }, "marketing"),
        ("staging", "meta-pixel", new() { ["pixelId"] = $"1{number:D8}" }, "marketing"),
        ("production", "meta-pixel", new() { ["pixelId"] = $"1{number:D8}" }, "marketing"),
        (null, "posthog", new() { ["id"] = $"phc_{number:D8}", ["apiHost"] = "https://eu.i.posthog.com" }, "measurement"),
        (null, "mixpanel", new() { ["token"] = $"0123456789abcdef01234567{number:D8}" }, "experience"),
        (null, "tiktok-pixel", new() { ["pixelId"] = $"C{number:D8}" }, "marketing"),
    ];

    private async Task ExecuteAsync(string sql)
    {
        await using var command = _database.CreateCommand(sql);
        command.CommandTimeout = 600;
        await command.ExecuteNonQueryAsync();
    }
}
