using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using Npgsql;

namespace ConsentSnapshots.Edge.Benchmarks;

/// <summary>
/// What this product takes the place of: each request queries Postgres for the scope's destinations, decrypts their settings and generates the scripts with the same generator. What it
/// has made is kept in a map for five minutes.
/// </summary>
internal sealed class NaiveHandler(NpgsqlDataSource database, SettingsKeyRing keys, TimeSpan kept)
{
    private const string Query = """
        select id, type, settings, required_consent, created_at from destinations
        where organization_id = $1 and enabled and deleted_at is null and (environment is null or environment = $2) order by created_at, id
        """;

    private static readonly SnapshotGenerator s_generator = new(DestinationCatalogue.BuiltIn);

    private readonly ConcurrentDictionary<(string Organization, string Environment, int Set), (byte[] Body, DateTimeOffset Until)> _made = new();

    /// <summary>The keys that <see cref="FillAsync"/> and the handler use.</summary>
    public static SettingsKeyRing Keys
    {
        get
        {
            var options = new EncryptionOptions();
            options.Keys.Add(new string('0', EncryptionOptions.KeyLength * 2));
            return new SettingsKeyRing(options);
        }
    }

    /// <summary>The handler as a server of its own.</summary>
    /// <param name="database">The connection string.</param>
    /// <param name="kept">How long the map keeps what was made; zero: not at all, so every request is a miss.</param>
    public static WebApplication Build(string database, TimeSpan kept)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        var app = builder.Build();
        var handler = new NaiveHandler(NpgsqlDataSource.Create(database), Keys, kept);
        app.MapGet("/v1/{organization}/{environment}/scripts", handler.AnswerAsync);
        return app;
    }

    /// <summary>A table of destinations with encrypted settings, as the control plane has it.</summary>
    public static async Task FillAsync(string connectionString, int scopes)
    {
        await using var database = NpgsqlDataSource.Create(connectionString);
        await ExecuteAsync("""
            create table destinations (id uuid primary key, organization_id text not null, type text not null, environment text, settings jsonb not null, required_consent text[] not null,
              enabled boolean not null default true, deleted_at timestamptz, created_at timestamptz not null)
            """);
        var ring = Keys;
        await using (var connection = await database.OpenConnectionAsync())
        {
            await using var rows = await connection.BeginBinaryImportAsync("copy destinations (id, organization_id, type, settings, required_consent, created_at) from stdin (format binary)");
            for (var number = 0; number < scopes; number++)
                foreach (var (place, (type, settings, consent)) in ScopesOnDisk.Destinations(number).Index())
                {
                    await rows.StartRowAsync();
                    await rows.WriteAsync(new Guid(number, (short)place, 0x4000, [0x80, 0, 0, 0, 0, 0, 0, 0]), NpgsqlTypes.NpgsqlDbType.Uuid);
                    await rows.WriteAsync(ScopesOnDisk.ScopeOf(number).Organization.Value, NpgsqlTypes.NpgsqlDbType.Text);
                    await rows.WriteAsync(type, NpgsqlTypes.NpgsqlDbType.Text);
                    await rows.WriteAsync(ring.Seal(JsonElement.Parse(settings)).ToJsonString(), NpgsqlTypes.NpgsqlDbType.Jsonb);
                    await rows.WriteAsync(new[] { consent.Name() }, NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Text);
                    await rows.WriteAsync(DateTime.UnixEpoch.AddDays(20_000).AddMinutes(place), NpgsqlTypes.NpgsqlDbType.TimestampTz);
                }
            await rows.CompleteAsync();
        }
        await ExecuteAsync("create index on destinations (organization_id)");
        await ExecuteAsync("analyze destinations");

        async Task ExecuteAsync(string sql)
        {
            await using var command = database.CreateCommand(sql);
            await command.ExecuteNonQueryAsync();
        }
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var (organization, environment) = ((string)context.Request.RouteValues["organization"]!, (string)context.Request.RouteValues["environment"]!);
        var consent = ConsentQuery.ParseValue(context.Request.Query["consent"].ToString());
        var now = TimeProvider.System.GetUtcNow();
        if (kept == TimeSpan.Zero || !_made.TryGetValue((organization, environment, consent.Consent.Index), out var made) || made.Until < now)
        {
            made = (await MakeAsync(organization, environment, consent.Consent, context.RequestAborted), now + kept);
            if (kept > TimeSpan.Zero) _made[(organization, environment, consent.Consent.Index)] = made;
        }
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = made.Body.Length;
        await context.Response.Body.WriteAsync(made.Body, context.RequestAborted);
    }

    private async Task<byte[]> MakeAsync(string organization, string environment, ConsentSet consent, CancellationToken cancellationToken)
    {
        var opened = new List<OpenedDestination>();
        await using var command = database.CreateCommand(Query);
        command.Parameters.AddWithValue(organization);
        command.Parameters.AddWithValue(environment);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            opened.Add(keys.Open(new Destination
            {
                Id = reader.GetGuid(0),
                Type = reader.GetString(1),
                Settings = JsonElement.Parse(reader.GetString(2)),
                RequiredConsent = [.. reader.GetFieldValue<string[]>(3)],
                CreatedAt = reader.GetFieldValue<DateTimeOffset>(4),
            }));
        return Scope.TryParse(organization, environment, out var scope)
            ? s_generator.Generate(scope, opened)[consent].Bytes.ToArray()
            : throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"{organization}/{environment} is no scope."));
    }
}
