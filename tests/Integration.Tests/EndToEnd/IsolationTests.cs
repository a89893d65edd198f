using ConsentSnapshots.Integration.Tests.Postgres;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Scheduling;
using Microsoft.Extensions.DependencyInjection;

namespace ConsentSnapshots.Integration.Tests.EndToEnd;

/// <summary>What one tenant saves hurts nobody else, and none of that tenant's other destinations: in the service, in the reconcile and in every command.</summary>
public sealed class IsolationTests(PostgresFixture postgres, AzuriteFixture azurite)
{
    private readonly Guid _acme = Guid.NewGuid();
    private readonly Guid _globex = Guid.NewGuid();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task BadRows_InADatabaseWithoutEncoding_AreNamedAndEverythingElseGoesOn()
    {
        await using var platform = await (await Platform.CreateAsync(postgres, azurite, database: await SourceDatabase.CreateWithoutEncodingAsync(postgres))).StartAsync();
        await InsertAsync(platform, _acme, "meta-pixel", "'healthy'", """'{"pixelId":"10000111"}'""");
        await InsertAsync(platform, _globex, "meta-pixel", "'healthy'", """'{"pixelId":"10000222"}'""");
        await platform.ServesAsync(_acme, "10000111");
        await platform.ServesAsync(_globex, "10000222");

        // A name of bytes that are no text, a URL that no reader takes, settings that no parser takes, a time that no clock knows, an organization that is no name.
        await InsertAsync(platform, _acme, "meta-pixel", @"E'caf\351'", """'{"pixelId":"10000333"}'""");
        await InsertAsync(platform, _acme, "vercel-analytics", "'bad url'", """'{"endpoint":"https://a..b/"}'""");
        await InsertAsync(platform, _acme, "console", "'too deep'", "(repeat('[', 1000) || repeat(']', 1000))::jsonb");
        await InsertAsync(platform, _acme, "posthog", "'no key'", """'{"apiKey":7}'""");
        await platform.Database.ExecuteAsync($$"""insert into destinations (organization_id, type, name, settings, created_at) values ('{{_acme}}', 'meta-pixel', 'eternal', '{"pixelId":"10000444"}', 'infinity')""");
        await platform.Database.ExecuteAsync(@"insert into destinations (organization_id, type, name) values (E'm\374ller', 'console', 'x')");
        await platform.ServesAsync(_acme, "10000333");
        await platform.ServesAsync(_acme, "10000444");
        await platform.Database.ExecuteAsync("update destinations set enabled = false where settings->>'pixelId' = '10000111'");
        await platform.ServesAsync(_acme, "10000111", present: false);
        await platform.ServesAsync(_acme, "10000333");
        // The other environments, too; the organization that is no name waits for ever.
        await Eventually.TrueAsync(async () => await platform.Database.DepthAsync() is var depth && depth.Pending == depth.Held, "what can be built is");

        Assert.Empty(await platform.Worker.GetRequiredService<Reconciler>().ReconcileAsync(Cancel));

        var (exitCode, output, error) = await platform.CommandAsync("status", "--org", _acme.ToString());
        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains("vercel-analytics 'bad url'", output, StringComparison.Ordinal);
        Assert.Contains("'endpoint' must be an https URL whose host is a valid name", output, StringComparison.Ordinal);
        Assert.Contains("console 'too deep'", output, StringComparison.Ordinal);
        Assert.Contains("The settings are nested deeper than 128 levels", output, StringComparison.Ordinal);
        Assert.Contains("'apiKey' must be a string, and is a number.", output, StringComparison.Ordinal);
        Assert.DoesNotContain("healthy", output, StringComparison.Ordinal);
        (exitCode, output, _) = await platform.CommandAsync("status");
        Assert.Equal(0, exitCode);
        Assert.Contains(@"m\374ller", output, StringComparison.Ordinal);
        Assert.Equal(0, (await platform.CommandAsync("regenerate", "--all")).ExitCode);
        Assert.Equal(0, (await platform.CommandAsync("regenerate", "--all", "--dry-run")).ExitCode);
        Assert.Equal(0, (await platform.CommandAsync("preview", "--org", _acme.ToString(), "--env", "production", "--consent", "marketing")).ExitCode);
    }

    [Fact]
    public async Task ScopeOfWhichNoRowCanBeRead_KeepsItsVersionAndStopsNoOther()
    {
        await using var platform = await (await Platform.CreateAsync(postgres, azurite)).StartAsync();
        await platform.Database.ExecuteAsync("alter table destinations alter created_at drop default; alter table destinations alter created_at type text; alter table destinations alter created_at drop not null");
        await platform.InsertAsync(_acme, Platform.Pixel("10000111"));
        await platform.InsertAsync(_globex, Platform.Pixel("10000222"));
        await platform.ServesAsync(_acme, "10000111");
        await platform.ServesAsync(_globex, "10000222");

        await platform.Database.ExecuteAsync($"update destinations set created_at = 'whenever' where organization_id = '{_acme}'");
        await platform.Database.ExecuteAsync($$"""update destinations set settings = '{"pixelId":"10000333"}' where organization_id = '{{_globex}}'""");
        await platform.ServesAsync(_globex, "10000333");
        await Eventually.TrueAsync(async () => (await platform.CommandAsync("status", "--org", _acme.ToString())).Output.Contains("none of the 1 active", StringComparison.Ordinal), "status says what is wrong");

        Assert.Contains("10000111", (await platform.GetAsync(_acme)).Body, StringComparison.Ordinal);
        var different = await platform.Worker.GetRequiredService<Reconciler>().ReconcileAsync(Cancel);
        Assert.Equal([SourceDatabase.ScopeOf(_acme)], different);
        Assert.Contains(platform.Logs.Lines, line => line.Contains(" 4020 ", StringComparison.Ordinal) && line.Contains(_acme.ToString(), StringComparison.Ordinal));
        var (exitCode, output, error) = await platform.CommandAsync("regenerate", "--all", "--dry-run");
        Assert.Equal((1, ""), (exitCode, error));
        Assert.Contains("would fail", output, StringComparison.Ordinal);
        Assert.Contains("5 unchanged", output, StringComparison.Ordinal);
        (exitCode, output, _) = await platform.CommandAsync("regenerate", "--all");
        Assert.Equal(1, exitCode);
        Assert.Contains("5 unchanged", output, StringComparison.Ordinal);
        (exitCode, _, error) = await platform.CommandAsync("preview", "--org", _acme.ToString(), "--env", "production", "--consent", "marketing");
        Assert.Equal(1, exitCode);
        Assert.StartsWith("The database can give none of the 1 active destination(s)", error, StringComparison.Ordinal);
        // Taken back by the tenant: what is off is no problem.
        await platform.Database.ExecuteAsync($"update destinations set enabled = false where organization_id = '{_acme}'");
        await platform.ServesAsync(_acme, "\"scripts\":[]");
    }

    private static Task InsertAsync(Platform platform, Guid organization, string type, string name, string settings) =>
        platform.Database.ExecuteAsync($"insert into destinations (organization_id, type, name, settings) values ('{organization}', '{type}', {name}, {settings})");
}
