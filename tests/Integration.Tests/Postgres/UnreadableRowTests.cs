using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Sources;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Postgres;

/// <summary>Whatever a row holds, and whoever throws on it, the row is the only one that is not read whole, and the reader says what is wrong with it.</summary>
public sealed class UnreadableRowTests(PostgresFixture postgres)
{
    private static readonly Guid Acme = SourceDatabase.Acme;
    private static readonly Guid Globex = SourceDatabase.Globex;
    private static readonly Scope Production = SourceDatabase.ScopeOf(Acme);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Read_SettingsNestedTooDeeply_AreReportedAndNeverTakenForNone()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, type: "console");
        await database.ExecuteAsync(
            $"""
            insert into destinations (organization_id, type, name, settings) values
              ('{Acme}', 'console', 'too deep', (repeat('[', 129) || repeat(']', 129))::jsonb),
              ('{Acme}', 'console', 'absurd', (repeat('[', 3000) || repeat(']', 3000))::jsonb),
              ('{Acme}', 'console', 'just so', (repeat('[', 128) || repeat(']', 128))::jsonb)
            """);

        var rows = (await database.Reader.RowsAsync(Production, Cancel)).Rows;

        Assert.Equal(4, rows.Count);
        Assert.All(rows.Where(row => row.Name is "too deep" or "absurd"), row =>
        {
            Assert.Equal(DestinationProblemKind.InvalidSettings, row.Problem?.Kind);
            Assert.StartsWith("The settings are nested deeper than 128 levels", row.Problem!.Message, StringComparison.Ordinal);
        });
        Assert.All(rows.Where(row => row.Name is "one" or "just so"), row => Assert.Null(row.Problem));
    }

    [Fact]
    public async Task Read_TimeBeyondWhatDotNetKnows_IsAPlaceInTheOrder()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync(
            $"""
            insert into destinations (organization_id, type, name, created_at) values
              ('{Acme}', 'console', 'last', 'infinity'), ('{Acme}', 'console', 'now', '2026-01-01'), ('{Acme}', 'console', 'first', '4713-01-01 BC'), ('{Globex}', 'console', 'far', '294276-12-31 23:59:59'),
              ('{Globex}', 'console', 'never', '-infinity')
            """);

        Assert.Equal(["first", "now", "last"], (await database.Reader.RowsAsync(Production, Cancel)).Rows.Select(row => row.Name));
        var globex = (await database.Reader.RowsAsync(SourceDatabase.ScopeOf(Globex), Cancel)).Rows;
        Assert.Equal(["never", "far"], globex.Select(row => row.Name));
        Assert.Equal([DateTimeOffset.MinValue, new DateTimeOffset(9999, 12, 31, 23, 59, 59, TimeSpan.Zero)], globex.Select(row => row.CreatedAt));
    }

    /// <summary>Each is a value that the database stores and cannot give: it throws when the row is asked for.</summary>
    [Theory]
    [InlineData("required_consent", "json", """ '["\ud800"]' """)]
    [InlineData("created_at", "date", "'5874897-12-31'")]
    [InlineData("created_at", "text", "'the day before yesterday'")]
    public async Task Read_ColumnThatTheDatabaseCannotGive_IsTheProblemOfItsRowAlone(string column, string type, string value)
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync($"alter table destinations drop column {column}; alter table destinations add column {column} {type}");
        await database.ExecuteAsync($"insert into destinations (organization_id, type, name) select '{Acme}', 'console', n::text from generate_series(1, 20) n");
        await database.ExecuteAsync($"insert into destinations (organization_id, type, name, {column}) values ('{Acme}', 'console', 'bad', {value}), ('{Acme}', 'console', 'bad too', {value})");
        await database.ExecuteAsync($"insert into destinations (organization_id, type, name, {column}, enabled) values ('{Acme}', 'console', 'bad and off', {value}, false)");
        await database.InsertAsync(Globex, type: "console");

        var rows = (await database.Reader.RowsAsync(Production, Cancel)).Rows;

        Assert.Equal(23, rows.Count);
        Assert.Equal(["bad", "bad and off", "bad too"], rows.Where(row => row.Problem is not null).Select(row => row.Name).Order(StringComparer.Ordinal));
        Assert.False(rows.Single(row => row.Name == "bad and off").Enabled);
        var problem = rows.Single(row => row.Name == "bad").Problem!;
        Assert.Equal((DestinationProblemKind.UnusableRow, column), (problem.Kind, problem.Field));
        Assert.Matches($@"^The database cannot give '{column}' of the row \(SQLSTATE 22...\)\. Correct the row; the destination is left out until then\.$", problem.Message);
        Assert.Null(Assert.Single((await database.Reader.RowsAsync(SourceDatabase.ScopeOf(Globex), Cancel)).Rows).Problem);
    }

    [Fact]
    public async Task Read_SeveralOrganizations_OneBadRowStopsNone()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync("alter table destinations alter created_at drop default; alter table destinations alter created_at type text; alter table destinations alter created_at drop not null");
        await database.InsertAsync(Acme, type: "console");
        await database.InsertAsync(Acme, "staging", type: "console");
        await database.ExecuteAsync($"insert into destinations (organization_id, type, name, environment, created_at) values ('{Acme}', 'console', 'bad', 'staging', 'whenever')");
        await database.ExecuteAsync("insert into destinations (organization_id, type, name, created_at) select gen_random_uuid(), 'console', n::text, now()::text from generate_series(1, 120) n");

        var reads = await database.Reader.LookAsync(await database.Reader.ListOrganizationsAsync(Cancel), Cancel);

        Assert.Equal(3 * 121, reads.Count);
        Assert.All(reads, read => Assert.IsType<ScopeRead.Found>(read));
        Assert.Equal("bad", Assert.Single(reads.SelectMany(read => read.Require().Rows), row => row.Problem is not null).Name);
    }

    [Fact]
    public async Task Read_NoActiveRowThatTheDatabaseCanGive_IsTheScopesProblemAndNotAnEmptyList()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync("alter table destinations alter created_at drop default; alter table destinations alter created_at type text");
        await database.ExecuteAsync(
            $"""
            insert into destinations (organization_id, type, name, environment, created_at, enabled) values
              ('{Acme}', 'console', 'bad', 'production', 'whenever', true), ('{Acme}', 'console', 'off', 'production', '2026-01-01', false), ('{Acme}', 'console', 'bad and off', 'staging', 'whenever', false),
              ('{Globex}', 'console', 'good', 'production', '2026-01-01', true)
            """);

        var exception = await Assert.ThrowsAsync<ScopeUnreadableException>(() => database.Reader.RowsAsync(Production, Cancel));

        Assert.Contains("none of the 1 active destination(s)", exception.Message, StringComparison.Ordinal);
        Assert.Contains("'created_at'", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("whenever", exception.Message, StringComparison.Ordinal);
        Assert.Single((await database.Reader.RowsAsync(SourceDatabase.ScopeOf(Acme, DeploymentEnvironment.Staging), Cancel)).Rows);
        var reads = await database.Reader.LookAsync(await database.Reader.ListOrganizationsAsync(Cancel), Cancel);
        Assert.Equal([Production], reads.Where(read => read is not ScopeRead.Found).Select(read => read.Scope));
    }

    [Fact]
    public async Task Read_DatabaseWithoutEncoding_BytesThatAreNoTextConcernTheirRowAlone()
    {
        await using var database = await SourceDatabase.CreateWithoutEncodingAsync(postgres);
        await database.ExecuteAsync("alter table destinations alter settings drop default; alter table destinations alter settings type json using settings::json");
        await database.ExecuteAsync(
            """
            insert into destinations (organization_id, type, name, environment, required_consent, settings) values
              ('acme', 'console', E'caf\351', null, '{}', '{}'), ('acme', 'console', 'café', null, '{}', '{"name":"é"}'), ('acme', E'con\377sole', 'type', null, '{}', '{}'),
              ('acme', 'console', 'consent', null, array[E'market\377ing'], '{}'), ('acme', 'console', 'settings', null, '{}', E'{"a":"\377"}'), ('acme', 'console', 'nowhere', E'pro\377duction', '{}', '{}'),
              ('globex', 'console', 'healthy', null, '{}', '{}')
            """);
        Assert.True(Scope.TryParse("acme", "production", out var scope));

        var rows = (await database.Reader.RowsAsync(scope, Cancel)).Rows;

        Assert.Equal(["café", "caf\uFFFD", "consent", "settings", "type"], rows.Select(row => row.Name).Order(StringComparer.Ordinal));
        // A name is only a name: what loads is the same.
        Assert.Null(rows.Single(row => row.Name == "caf\uFFFD").Problem);
        Assert.Equal("""{"name":"é"}""", rows.Single(row => row.Name == "café").Settings.GetRawText());
        Assert.Equal("The settings are not UTF-8: they hold a byte that belongs to no character.", rows.Single(row => row.Name == "settings").Problem?.Message);
        Assert.Equal(["con\uFFFDsole"], rows.Where(row => row.Name == "type").Select(row => row.Type));
        Assert.Equal(["?"], rows.Single(row => row.Name == "consent").RequiredConsent);
        var unknown = Assert.Single(await database.Reader.ListUnknownEnvironmentsAsync(Cancel));
        Assert.Equal(("acme", "pro\\377duction"), (unknown.Organization, unknown.Environment));
        Assert.Equal("UTF8", await database.ScalarAsync<string>("show client_encoding"));
    }

    [Fact]
    public async Task Claim_DatabaseWithoutEncoding_AnOrganizationThatIsNoTextStopsNoOther()
    {
        await using var database = await SourceDatabase.CreateWithoutEncodingAsync(postgres);
        await database.ExecuteAsync("alter table destinations alter organization_id drop not null");
        await database.ExecuteAsync(
            """
            insert into destinations (organization_id, type, name) values (E'm\374ller', 'console', 'x'), ('müller', 'console', 'x'), (null, 'console', 'x'), ('acme', 'console', 'x')
            """);
        await database.LiveAsync("worker-1");

        Assert.Equal(["acme"], (await database.Reader.ListOrganizationsAsync(Cancel)).Select(organization => organization.Value));
        var claims = await database.Queue.ClaimAsync(Lane.Edits, 100, Cancel);
        Assert.Equal(["acme", "acme", "acme"], claims.Select(claim => claim.Scope.Organization.Value));
        // Refused for a day, so that they are not claimed again and again.
        Assert.Empty(await database.Queue.ClaimAsync(Lane.Edits, 100, Cancel));
        Assert.Equal(6, await database.ScalarAsync<long>("select count(*) from consent_snapshots.scopes where held_reason is not null and claim_token is null"));
        Assert.Equal(["acme"], (await database.Status.ListAsync(null, Cancel)).Select(line => line.Scope.Organization.Value).Distinct());
        Assert.Equal(["m\\303\\274ller", "m\\374ller"], (await database.Status.ListRefusedAsync(Cancel)).Select(name => name.Organization).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Claim_OrganizationWithAnUnusualName_IsToldAsItIs()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync("alter table destinations alter organization_id type text; insert into destinations (organization_id, type, name) values ('müller', 'console', 'x')");

        Assert.Empty(await database.Queue.ClaimAsync(Lane.Edits, 100, Cancel));

        Assert.Equal("müller", (await database.Status.ListRefusedAsync(Cancel)).Select(name => name.Organization).Distinct().Single());
    }

    [Fact]
    public async Task Fail_ErrorThatIsCutWithinACharacterOrHoldsNul_IsRecorded()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        var claim = (await database.Queue.ClaimAsync(Lane.Edits, 1, Cancel))[0];

        Assert.True(await database.Queue.FailAsync(claim, $"\0{new string('x', 1998)}\U0001F600", TimeSpan.FromSeconds(1), "\ud800", Cancel));

        var status = (await database.Status.ListAsync(null, Cancel)).Single(line => line.HeldReason is not null);
        Assert.Equal(($"{new string('x', 1998)}\uFFFD", "\uFFFD"), (status.LastError, status.HeldReason));
    }

    /// <summary>Rows with anything that the table takes, in every column, generate without an exception and without a fault of ours.</summary>
    [Fact]
    public async Task Generate_RowsWithAnythingTheTableTakes_NeverThrows()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync(
            """
            alter table destinations alter settings drop default; alter table destinations alter settings drop not null; alter table destinations alter settings type json using settings::json;
            alter table destinations alter required_consent drop default; alter table destinations alter required_consent drop not null; alter table destinations alter required_consent type json using to_json(required_consent);
            alter table destinations alter created_at drop not null; alter table destinations alter name drop not null; alter table destinations alter type type text; alter table destinations alter name type text;
            alter table destinations alter enabled drop not null; alter table destinations alter test_mode drop not null; alter table destinations alter settings_encrypted drop not null;
            """);
        await database.InsertAsync(Acme, type: "meta-pixel");
        var random = new Random(20260301);
        T Any<T>(params T[] choices) => choices[random.Next(choices.Length)];
        string[] json =
        [
            "null", "{}", "[]", "7", "true", "\"x\"", "1e400", "\"\\u0000\"", "\"\\ud800\"", """{"pixelId":"1","\ud800":1}""", """{"encrypted":"00","iv":"000000000000000000000000","tag":"00000000000000000000000000000000","keyId":"\ud800"}""",
            """{"endpoint":"https://a..b/"}""", """{"src":"https://\u00ad/"}""", """["marketing"]""", """[null,{"a":[]}]""", """["\udfff"]""", $"{new string('[', 500)}{new string(']', 500)}", $"\"{new string('y', 100_000)}\"", new string('9', 5000),
        ];
        for (var count = 0; count < 300; count++)
        {
            await using var command = database.Pool.CreateCommand(
                """
                insert into destinations (organization_id, type, name, environment, settings, settings_encrypted, required_consent, enabled, test_mode, created_at)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::timestamptz)
                """);
            object?[] values =
            [
                Acme, Any("", " ", "vercel-analytics", "script", "meta-pixel", "console", "\U0001F600\u202E", new string('t', 60_000), "META-PIXEL"), Any(null, "", "\u001B[31m", "\uFFFF", new string('n', 60_000)),
                Any(null, "production", "production", "staging", "Production", "", "\u00e9"), Any(null, random.Next(2) == 0 ? Any(json) : "{}"), Any<object?>(null, true, false), Any(null, "[]", Any(json)), Any<object?>(null, true, true, false),
                Any<object?>(null, true, false), Any(null, "infinity", "-infinity", "294276-12-31", "4713-01-01 BC", "0001-01-01", "9999-12-31 23:59:59.999999+00", "2026-01-01"),
            ];
            foreach (var (value, index) in values.Select((value, index) => (value, index)))
            {
                var parameter = new NpgsqlParameter { Value = value ?? DBNull.Value };
                if (index is 4 or 6) parameter.NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Json;
                else if (index is 5 or 7 or 8) parameter.NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Boolean;
                else if (index > 0) parameter.NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text;
                command.Parameters.Add(parameter);
            }
            await command.ExecuteNonQueryAsync(Cancel);
        }
        var keys = new ConsentSnapshots.Worker.Sources.SettingsKeyRing(new ConsentSnapshots.Worker.Settings.EncryptionOptions());

        var source = await database.Reader.RowsAsync(Production, Cancel);
        var generated = new SnapshotGenerator(DestinationCatalogue.BuiltIn).Generate(Production, source.Rows.Select(keys.Open));

        Assert.True(source.Rows.Count > 100, $"Only {source.Rows.Count} rows.");
        Assert.DoesNotContain(generated.Problems, problem => problem.Kind == DestinationProblemKind.GenerationFailed);
        // What stands in for a value of a setting is nowhere in what is said.
        Assert.DoesNotContain(generated.Problems, problem => problem.Message.Contains("yyy", StringComparison.Ordinal));
        Assert.Contains(generated.Problems, problem => problem.Kind == DestinationProblemKind.UnusableRow);
    }
}
