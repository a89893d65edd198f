namespace ConsentSnapshots.Integration.Tests.Setup;

/// <summary>The scripts that make a machine ready for the tests, on machines that have more or less of what is needed.</summary>
public sealed class SetupScriptTests : IDisposable
{
    private static readonly string[] NodeAndBrowser = ["nodejs", "npm", "chromium", "chromium-headless-shell"];
    private static readonly string[] Everything = [.. NodeAndBrowser, "docker.io", "docker-cli", "iptables"];

    private readonly BareMachine _machine = new();

    public void Dispose() => _machine.Dispose();

    [Fact]
    public async Task Setup_DockerClientWithoutDaemon_InstallsTheDaemonAndStartsIt()
    {
        _machine.With([.. NodeAndBrowser, "docker-cli", "iptables"]).WithImages();

        var (exitCode, error) = await SetUpAsync();

        Assert.True(exitCode == 0, error);
        Assert.Equal(["docker.io"], _machine.Installed);
        Assert.True(_machine.DaemonRuns);
    }

    [Fact]
    public async Task Setup_BareMachineOfDebian12_InstallsWhatIsMissing()
    {
        _machine.WithClientInTheDaemonsPackage();

        var (exitCode, error) = await SetUpAsync();

        Assert.True(exitCode == 0, error);
        Assert.Equal(["chromium", "chromium-headless-shell", "docker.io", "iptables", "nodejs", "npm", "postgresql"], _machine.Installed.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Setup_BareMachineOfALaterDebian_InstallsTheClientToo()
    {
        var (exitCode, error) = await SetUpAsync();

        Assert.True(exitCode == 0, error);
        Assert.Equal(["chromium", "chromium-headless-shell", "docker-cli", "docker.io", "iptables", "nodejs", "npm", "postgresql"], _machine.Installed.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Setup_PostgresClientWithoutServer_InstallsTheServer()
    {
        _machine.With(Everything).WithFile("usr/lib/postgresql/15/bin/psql");

        var (exitCode, error) = await SetUpAsync();

        Assert.True(exitCode == 0, error);
        Assert.Equal(["postgresql"], _machine.Installed);
    }

    [Fact]
    public async Task Setup_DaemonOfSomebodyElseAnswers_InstallsAndStartsNone()
    {
        _machine.With([.. NodeAndBrowser, "docker-cli"]).WithImages().WithForeignDaemon();

        var (exitCode, error) = await SetUpAsync();

        Assert.True(exitCode == 0, error);
        Assert.Empty(_machine.Installed);
        Assert.Equal(0, _machine.DaemonsStarted);
    }

    [Fact]
    public async Task Setup_OldNode_SaysWhichVersionIsNeeded()
    {
        _machine.With(Everything).WithImages().NodeVersion = "12.22.12";

        var (exitCode, error) = await SetUpAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains("is Node.js 12.22.12; the tests need 18 or newer", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Setup_Again_InstallsNpmPackagesOnlyWhereTheLockFileChanged()
    {
        _machine.With(Everything).WithImages();
        var checkout = _machine.Checkout("checkout");
        Assert.Equal(0, (await _machine.RunAsync(checkout, "run", "eng/setup-tests.sh")).ExitCode);
        Assert.Equal(["browser", "c15t-backend", "http-api", "tools"], _machine.NpmInstallations);

        Assert.Equal(0, (await _machine.RunAsync(checkout, "run", "eng/setup-tests.sh")).ExitCode);
        Assert.Equal(["browser", "c15t-backend", "http-api", "tools"], _machine.NpmInstallations);

        File.SetLastWriteTimeUtc(Path.Combine(checkout, "samples", "c15t-backend", "package-lock.json"), new DateTime(2200, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        Assert.Equal(0, (await _machine.RunAsync(checkout, "run", "eng/setup-tests.sh")).ExitCode);
        Assert.Equal(["browser", "c15t-backend", "http-api", "tools", "c15t-backend"], _machine.NpmInstallations);
    }

    [Fact]
    public async Task Setup_TwoCheckoutsAtOnce_InstallAndStartOnce()
    {
        var checkouts = new[] { _machine.Checkout("one"), _machine.Checkout("two") };

        var ends = await Task.WhenAll(checkouts.Select(checkout => _machine.RunAsync(checkout, "run", "eng/setup-tests.sh")));

        Assert.All(ends, end => Assert.True(end.ExitCode == 0, end.Error));
        Assert.Equal(_machine.Installed.Distinct(), _machine.Installed);
        Assert.Equal(1, _machine.DaemonsStarted);
    }

    [Fact]
    public async Task Teardown_AnotherRunUnderWay_LeavesTheDaemonToTheLast()
    {
        _machine.With(Everything).WithImages();
        var checkout = _machine.Checkout("checkout");
        Assert.Equal(0, (await _machine.RunAsync(checkout, "first", "eng/setup-tests.sh")).ExitCode);
        // As test.sh does it for as long as it runs.
        const string Run = "source eng/packages.sh; source eng/docker.sh; exec {users}>>\"$docker_users\"; flock --shared \"$users\"; touch \"$HOME/under-way\"; exec sleep 600";
        using (var other = _machine.Start(checkout, "other", "-c", Run))
        {
            await _machine.ExistsAsync("under-way");

            Assert.Equal((0, ""), await _machine.RunAsync(checkout, null, "eng/teardown-tests.sh", "first"));
            Assert.True(_machine.DaemonRuns);
            Assert.Equal("ps --all --quiet --filter label=consent-snapshots.test-run=first", Assert.Single(_machine.ContainersListed));
            Assert.Equal(1, (await _machine.RunAsync(checkout, null, "eng/teardown-tests.sh")).ExitCode);
            Assert.True(_machine.DaemonRuns);
            other.Kill();
            await other.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        Assert.Equal((0, ""), await _machine.RunAsync(checkout, null, "eng/teardown-tests.sh", "other"));
        Assert.False(_machine.DaemonRuns);
    }

    [Fact]
    public async Task Teardown_DaemonAskedForByHand_StaysUntilItIsSentAwayByHand()
    {
        _machine.With(Everything).WithImages();
        var checkout = _machine.Checkout("checkout");
        Assert.Equal(0, (await _machine.RunAsync(checkout, null, "eng/setup-tests.sh")).ExitCode);

        Assert.Equal((0, ""), await _machine.RunAsync(checkout, null, "eng/teardown-tests.sh", "run"));
        Assert.True(_machine.DaemonRuns);
        Assert.Equal((0, ""), await _machine.RunAsync(checkout, null, "eng/teardown-tests.sh"));
        Assert.False(_machine.DaemonRuns);
    }

    [Fact]
    public async Task SmokeTest_WithoutCurl_InstallsIt()
    {
        await _machine.RunAsync(_machine.Checkout("checkout"), null, "eng/smoke-dev.sh");

        Assert.Equal(["curl"], _machine.Installed);
    }

    private Task<(int ExitCode, string Error)> SetUpAsync() => _machine.RunAsync(_machine.Checkout("checkout"), "run", "eng/setup-tests.sh");
}
