using System.Text.Json;
using ConsentSnapshots.Worker.Postgres;
using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace ConsentSnapshots.Worker.Benchmarks;

/// <summary>The database of a control plane whose organizations have six destinations each, for all three environments.</summary>
internal sealed class SourceDatabase(string connectionString) : IAsyncDisposable
{
    private const int Environments = 3;

    private readonly NpgsqlDataSource _database = NpgsqlDataSource.Create(connectionString);

    /// <summary>Creates the tables.</summary>
    public Task MigrateAsync() =>
        new DatabaseMigrator(Options.Create(new PostgresOptions { ConnectionString = connectionString }), NullLogger<DatabaseMigrator>.Instance)
            .MigrateAsync(new MigrationRequest { WithDestinations = true }, default);

    /// <summary>Empties the database and fills it with organizations that have this many scopes together; all of them are due.</summary>
    public async Task FillAsync(int scopes)
    {
        await ExecuteAsync("truncate destinations, consent_snapshots.changes, consent_snapshots.scopes, consent_snapshots.publications, consent_snapshots.workers");
        await using (var connection = await _database.OpenConnectionAsync())
        {
            await using var rows = await connection.BeginBinaryImportAsync(
                "copy destinations (organization_id, type, name, settings, settings_encrypted, required_consent, created_at) from stdin (format binary)");
            for (var number = 0; number < scopes / Environments; number++)
            {
                var organization = new Guid(number, 1, 0x4000, [0x80, 0, 0, 0, 0, 0, 0, 0]);
                foreach (var (place, (type, settings, consent)) in SixDestinations(number).Index())
                {
                    await rows.StartRowAsync();
                    await rows.WriteAsync(organization, NpgsqlDbType.Uuid);
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

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _database.DisposeAsync();

    /// <summary>Every id is the organization's own, so that nothing can be remembered from another one.</summary>
    private static (string Type, Dictionary<string, string> Settings, string Consent)[] SixDestinations(int number) =>
    [
        ("google-tag-manager", new() { ["id"] = $"GTM-{number:D8}" }, "measurement"),
        ("google-analytics", new() { ["id"] = $"G-{number:D8}" }, "measurement"),
        ("meta-pixel", new() { ["pixelId"] = $"1{number:D8}" }, "marketing"),
        ("posthog", new() { ["id"] = $"phc_{number:D8}", ["apiHost"] = "https://eu.i.posthog.com" }, "measurement"),
        ("mixpanel", new() { ["token"] = $"0123456789abcdef01234567{number:D8}" }, "experience"),
        ("tiktok-pixel", new() { ["pixelId"] = $"C{number:D8}" }, "marketing"),
    ];

    private async Task ExecuteAsync(string sql)
    {
        await using var command = _database.CreateCommand(sql);
        command.CommandTimeout = 600;
        await command.ExecuteNonQueryAsync();
    }
}
