using System.Net;
using System.Text.Json;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Integration.Tests.Postgres;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Postgres;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.EndToEnd;

/// <summary>A destination saved in Postgres becomes a script a browser gets from the edge, by itself.</summary>
public sealed class PlatformTests(PostgresFixture postgres, AzuriteFixture azurite)
{
    private readonly Guid _acme = Guid.NewGuid();
    private readonly Guid _globex = Guid.NewGuid();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private async Task<Platform> StartAsync(Action<Dictionary<string, string?>>? configure = null) =>
        await (await Platform.CreateAsync(postgres, azurite, configure)).StartAsync();

    [Fact]
    public async Task Insert_Update_Disable_SoftDelete_Delete_Truncate_EachReachTheEdge()
    {
        await using var platform = await StartAsync();
        Assert.Equal(HttpStatusCode.NotFound, (await platform.GetAsync(_acme)).Status);

        var id = await platform.InsertAsync(_acme, Platform.Pixel("11111111111"));
        await platform.ServesAsync(_acme, "11111111111");
        await platform.Database.ExecuteAsync($$"""update destinations set settings = '{"pixelId":"22222222222"}' where id = '{{id}}'""");
        await platform.ServesAsync(_acme, "22222222222");
        await platform.Database.ExecuteAsync($"update destinations set enabled = false where id = '{id}'");
        await platform.ServesAsync(_acme, "\"scripts\":[]");
        await platform.Database.ExecuteAsync($"update destinations set enabled = true where id = '{id}'");
        await platform.ServesAsync(_acme, "22222222222");
        await platform.Database.ExecuteAsync($"update destinations set deleted_at = now() where id = '{id}'");
        await platform.ServesAsync(_acme, "\"scripts\":[]");
        await platform.InsertAsync(_acme, Platform.Pixel("33333333333"));
        await platform.ServesAsync(_acme, "33333333333");
        await platform.Database.ExecuteAsync($"delete from destinations where organization_id = '{_acme}'");
        await platform.ServesAsync(_acme, "\"scripts\":[]");
        await platform.InsertAsync(_acme, Platform.Pixel("44444444444"));
        await platform.ServesAsync(_acme, "44444444444");
        await platform.Database.ExecuteAsync("truncate destinations");
        await platform.ServesAsync(_acme, "\"scripts\":[]");
    }

    [Fact]
    public async Task Organizations_AndEnvironments_AreIsolated()
    {
        await using var platform = await StartAsync();
        await platform.InsertAsync(_acme, Platform.Pixel("11111111111"));
        await platform.InsertAsync(_acme, Platform.Pixel("22222222222"), environment: "staging");
        await platform.InsertAsync(_globex, Platform.Pixel("33333333333"));
        await platform.ServesAsync(_acme, "11111111111");
        await platform.ServesAsync(_acme, "22222222222", "staging");
        await platform.ServesAsync(_globex, "33333333333");

        Assert.DoesNotContain("22222222222", (await platform.GetAsync(_acme)).Body, StringComparison.Ordinal);
        Assert.DoesNotContain("33333333333", (await platform.GetAsync(_acme)).Body, StringComparison.Ordinal);
        // Never used, but the organization exists: empty lists. An organization nobody has heard of: 404.
        await platform.ServesAsync(_acme, "\"scripts\":[]", "development");
        Assert.Equal(HttpStatusCode.NotFound, (await platform.GetAsync(Guid.NewGuid())).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await platform.GetAsync(_acme, "nowhere")).Status);
    }

    [Fact]
    public async Task Row_MovedBetweenScopes_LeavesOneAndEntersTheOther()
    {
        await using var platform = await StartAsync();
        var id = await platform.InsertAsync(_acme, Platform.Pixel("11111111111"));
        await platform.ServesAsync(_acme, "11111111111");

        await platform.Database.ExecuteAsync($"update destinations set organization_id = '{_globex}', environment = 'staging' where id = '{id}'");

        await platform.ServesAsync(_globex, "11111111111", "staging");
        await platform.ServesAsync(_acme, "\"scripts\":[]");
    }

    [Fact]
    public async Task Row_WithoutEnvironment_IsInAllThree()
    {
        await using var platform = await StartAsync();
        await platform.InsertAsync(_acme, Platform.Pixel("11111111111"), environment: null);
        foreach (var environment in (string[])["development", "staging", "production"]) await platform.ServesAsync(_acme, "11111111111", environment);
    }

    [Fact]
    public async Task Destinations_OfWhichOneIsBad_TheOthersArePublishedAndStatusSaysWhatToFix()
    {
        await using var platform = await StartAsync();
        await platform.InsertAsync(_acme, Platform.Pixel("not digits, a secret"));
        await platform.InsertAsync(_acme, "{}", type: "no-such-type");
        await platform.InsertAsync(_acme, """{"encrypted":"00","iv":"zz","tag":"11"}""", encrypted: true);
        await platform.InsertAsync(_acme, Platform.Pixel("22222222222"));
        await platform.ServesAsync(_acme, "22222222222");

        Assert.Equal(["consent-snapshots", "meta-pixel"], await platform.ScriptIdsAsync(_acme));
        var (exitCode, output, _) = await platform.CommandAsync("status", "--org", _acme.ToString());
        Assert.Equal(0, exitCode);
        Assert.Contains("'pixelId' must be 1 to 20 digits, and is a string of 20 characters.", output, StringComparison.Ordinal);
        Assert.Contains("This build does not know the type", output, StringComparison.Ordinal);
        Assert.Contains("The encrypted settings are damaged", output, StringComparison.Ordinal);
        Assert.DoesNotContain("not digits, a secret", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_EncryptedByTheCommand_AreServedAndSealedAgainChangeNothing()
    {
        await using var platform = await StartAsync();
        var keys = new SettingsKeyRing(new EncryptionOptions { Keys = { Platform.Key } });
        string Envelope() => keys.Seal(JsonElement.Parse("""{"pixelId":"77777777777","accessToken":"CANARY-secret"}""")).ToJsonString();
        var id = await platform.InsertAsync(_acme, Envelope(), encrypted: true);
        await platform.ServesAsync(_acme, "77777777777");
        var (_, before) = await platform.GetAsync(_acme);

        await platform.Database.ExecuteAsync($"update destinations set settings = '{Envelope()}' where id = '{id}'");
        await platform.InsertAsync(_globex, Platform.Pixel("11111111111"));
        await platform.ServesAsync(_globex, "11111111111");
        await platform.DrainedAsync();

        Assert.Equal(before, (await platform.GetAsync(_acme)).Body);
        Assert.DoesNotContain(platform.Logs.Lines, line => line.Contains("CANARY", StringComparison.Ordinal));
        Assert.DoesNotContain("CANARY", before, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_OfAnUnknownKey_HoldTheLastGoodVersion()
    {
        await using var platform = await StartAsync();
        var id = await platform.InsertAsync(_acme, Platform.Pixel("11111111111"));
        await platform.ServesAsync(_acme, "11111111111");

        var foreign = new SettingsKeyRing(new EncryptionOptions { Keys = { new string('a', 64) } });
        var envelope = foreign.Seal(JsonElement.Parse(Platform.Pixel("22222222222")));
        await platform.Database.ExecuteAsync($"update destinations set settings = '{envelope.ToJsonString()}', settings_encrypted = true where id = '{id}'");

        await Eventually.TrueAsync(
            async () => (await platform.CommandAsync("status", "--org", _acme.ToString())).Output.Contains("held", StringComparison.Ordinal), "the scope is held");
        Assert.Contains("11111111111", (await platform.GetAsync(_acme)).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Notification_LostOnPurpose_TheScheduleFindsTheChange()
    {
        await using var platform = await Platform.CreateAsync(postgres, azurite, settings => settings["Schedule:Drain"] = "0/1 * * * * ?");
        await platform.Database.ExecuteAsync(
            "create or replace function consent_snapshots.tell_workers() returns void language sql as $$ select $$");
        await platform.StartAsync();

        await platform.InsertAsync(_acme, Platform.Pixel("11111111111"));

        await platform.ServesAsync(_acme, "11111111111");
    }

    /// <summary>A schema tool makes the table anew under a running worker; the triggers are gone with the old one, and so is what they would have told.</summary>
    [Fact]
    public async Task Table_MadeAnewWhileTheWorkerRuns_IsFollowedAgain()
    {
        await using var platform = await StartAsync();
        await platform.InsertAsync(_acme, Platform.Pixel("11111111111"));
        await platform.ServesAsync(_acme, "11111111111");

        await platform.Database.ExecuteAsync($"drop table destinations; {DestinationsTable.Definition(platform.Database.Options.Table)}");
        await platform.InsertAsync(_acme, Platform.Pixel("22222222222"));

        await platform.ServesAsync(_acme, "22222222222");
        Assert.Contains(platform.Logs.Lines, line => line.Contains("The change triggers on public.destinations were not as they should be and have been attached anew", StringComparison.Ordinal));
        await platform.InsertAsync(_globex, Platform.Pixel("33333333333"));
        await platform.ServesAsync(_globex, "33333333333");
    }

    [Fact]
    public async Task Edit_DuringABuild_IsPublishedToo()
    {
        await using var platform = await StartAsync();
        var id = await platform.InsertAsync(_acme, Platform.Pixel("1"));
        // Each edit lands in whatever phase the build of the one before is in.
        for (var edit = 2; edit <= 40; edit++)
            await platform.Database.ExecuteAsync($$"""update destinations set settings = '{"pixelId":"900000000{{edit}}"}' where id = '{{id}}'""");

        await platform.ServesAsync(_acme, "90000000040");
    }

    [Fact]
    public async Task ControlPlane_WithoutRightsOnOurSchema_CanWrite()
    {
        await using var platform = await StartAsync();
        var role = await platform.Database.CreateRoleAsync("app");
        await platform.Database.ExecuteAsync($"grant select, insert, update, delete on destinations to {role}");
        var app = platform.Database.As(role);

        await using (var command = app.CreateCommand(
            $$"""insert into destinations (organization_id, type, name, environment, settings) values ('{{_acme}}', 'meta-pixel', 'x', 'production', '{"pixelId":"55555555555"}')"""))
            await command.ExecuteNonQueryAsync(Cancel);

        await platform.ServesAsync(_acme, "55555555555");
        await using var forbidden = app.CreateCommand("select count(*) from consent_snapshots.scopes");
        var refused = await Assert.ThrowsAsync<PostgresException>(() => forbidden.ExecuteScalarAsync(Cancel));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
    }

    [Fact]
    public async Task Worker_KilledBeforeItPublished_ANewOneFinds()
    {
        await using var platform = await Platform.CreateAsync(postgres, azurite);
        await platform.StartEdgeAsync();
        await platform.InsertAsync(_acme, Platform.Pixel("11111111111"));

        await platform.StartWorkerAsync();

        await platform.ServesAsync(_acme, "11111111111");
    }

    /// <summary>A lease lasts two minutes; a worker that stops in good order must not make its successor wait for it.</summary>
    [Fact]
    public async Task Worker_StoppedDuringBuilds_TheNextGoesOnAtOnce()
    {
        await using var platform = await StartAsync();
        var organizations = Enumerable.Range(0, 30).Select(_ => Guid.NewGuid()).ToList();
        foreach (var organization in organizations) await platform.InsertAsync(organization, Platform.Pixel("11111111111"));
        await platform.StopWorkerAsync();
        await platform.StartWorkerAsync();
        foreach (var organization in organizations) await platform.ServesAsync(organization, "11111111111");
        await platform.DrainedAsync();
    }

    [Fact]
    public async Task Regenerate_AllTwice_TheSecondWritesNothingAndSaysSo()
    {
        await using var platform = await Platform.CreateAsync(postgres, azurite);
        await platform.InsertAsync(_acme, Platform.Pixel("11111111111"));
        await platform.InsertAsync(_globex, Platform.Pixel("22222222222"));

        var first = await platform.CommandAsync("regenerate", "--all");
        var dry = await platform.CommandAsync("regenerate", "--all", "--dry-run");
        var second = await platform.CommandAsync("regenerate", "--all");

        Assert.Equal((0, ""), (first.ExitCode, first.Error));
        Assert.Contains("6 scopes: 6 published. 8 snapshots and 6 manifests were written.", first.Output, StringComparison.Ordinal);
        Assert.Equal(0, dry.ExitCode);
        Assert.Contains("6 scopes: 6 unchanged. No blob was written.", second.Output, StringComparison.Ordinal);
        await platform.InsertAsync(_acme, Platform.Pixel("33333333333"));
        Assert.Equal(3, (await platform.CommandAsync("regenerate", "--org", _acme.ToString(), "--dry-run")).ExitCode);
    }

    [Fact]
    public async Task Reconcile_BlobsLostAndChangeUncounted_PublishesBoth()
    {
        await using var platform = await StartAsync();
        await platform.InsertAsync(_acme, Platform.Pixel("11111111111"));
        await platform.ServesAsync(_acme, "11111111111");
        await platform.InsertAsync(_globex, Platform.Pixel("22222222222"));
        await platform.ServesAsync(_globex, "22222222222");
        await platform.DrainedAsync();
        var store = platform.Worker.GetRequiredService<ScopeStore>();
        await store.Blobs.DeleteAsync(BlobContainer.Private, $"current/{_globex}/production.json", null, Cancel);
        // A change our trigger never saw, as when it was switched off.
        await platform.Database.ExecuteAsync(
            $$"""
            alter table destinations disable trigger user;
            update destinations set settings = '{"pixelId":"33333333333"}' where organization_id = '{{_acme}}';
            alter table destinations enable trigger user;
            """);

        var different = await platform.Worker.GetRequiredService<Reconciler>().ReconcileAsync(Cancel);

        Assert.Equal([$"{_acme}/production", $"{_globex}/production"], different.Select(scope => scope.ToString()).Order(StringComparer.Ordinal)
            .OrderBy(name => !name.StartsWith(_acme.ToString(), StringComparison.Ordinal)));
        await platform.ServesAsync(_acme, "33333333333");
        await platform.ServesAsync(_globex, "22222222222");
        // The edge has served this of globex all along, so it does not say that globex is published again.
        await platform.DrainedAsync();
        Assert.Empty(await platform.Worker.GetRequiredService<Reconciler>().ReconcileAsync(Cancel));
    }

    /// <summary>More than a scope may have: it keeps what it has, says why, and nobody else is concerned.</summary>
    [Fact]
    public async Task Scope_OverALimit_KeepsItsLastGoodVersionAndSaysWhy()
    {
        await using var platform = await StartAsync();
        await platform.InsertAsync(_acme, Platform.Pixel("11111111111"));
        await platform.ServesAsync(_acme, "11111111111");

        await platform.Database.ExecuteAsync(
            $$"""
            insert into destinations (organization_id, type, name, environment, settings, settings_encrypted)
            select '{{_acme}}', 'script', n::text, 'production', jsonb_build_object('textContent', repeat('x', 60000)), false from generate_series(1, 5000) n
            """);
        await Eventually.TrueAsync(
            async () => (await platform.CommandAsync("status", "--org", _acme.ToString())).Output.Contains("The scope has 5001 destinations, and the limit is 1000.", StringComparison.Ordinal),
            "the scope is held");
        await platform.InsertAsync(_globex, Platform.Pixel("22222222222"));
        await platform.ServesAsync(_globex, "22222222222");

        Assert.Equal(["consent-snapshots", "meta-pixel"], await platform.ScriptIdsAsync(_acme));
        Assert.DoesNotContain($"{_acme}/production", (await platform.Worker.GetRequiredService<Reconciler>().ReconcileAsync(Cancel)).Select(scope => scope.ToString()));
        await platform.Database.ExecuteAsync($$"""delete from destinations where type = 'script'; update destinations set settings = '{"pixelId":"33333333333"}' where organization_id = '{{_acme}}'""");
        await platform.ServesAsync(_acme, "33333333333");
    }
}
