using System.Globalization;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Torture.Tests.Faults;
using ConsentSnapshots.Torture.Tests.Platform;
using ConsentSnapshots.Torture.Tests.Reading;
using ConsentSnapshots.Torture.Tests.Writing;

namespace ConsentSnapshots.Torture.Tests;

/// <summary>What a run came to.</summary>
/// <param name="Violations">Every guarantee that was broken, with the time since the start.</param>
/// <param name="Summary">One line.</param>
/// <param name="Logs">Where the logs of the processes are.</param>
internal sealed record TortureOutcome(IReadOnlyCollection<string> Violations, string Summary, string Logs);

/// <summary>One run: writers, readers and faults at once, then the comparison.</summary>
internal sealed class TortureRun(TorturePostgres postgres, AzuriteFixture azurite, TortureOptions options, Action<string> say)
{
    private const int Writers = 3;
    private const int OrganizationsPerWriter = 8;

    public async Task<TortureOutcome> RunAsync(CancellationToken cancellationToken)
    {
        var folder = options.LogDirectory ?? Directory.CreateTempSubdirectory("torture-").FullName;
        Directory.CreateDirectory(folder);
        Ledger ledger = null!;
        ledger = new Ledger(line => say(string.Create(CultureInfo.InvariantCulture, $"torture: {ledger.Elapsed:mm\\:ss} {line}")));
        say(string.Create(CultureInfo.InvariantCulture, $"torture: seed {options.Seed}, {options.Duration.TotalMinutes:0.#} minutes, logs in {folder}"));

        // One generator for each part: what one draws does not depend on how quick another is.
        Random Part(int part) => new(unchecked((options.Seed * 397) + part));
        var organizations = Enumerable.Range(0, Writers * OrganizationsPerWriter).Select(number => new Guid(number + 1, 0, 0x4000, 0x80, 0, 0, 0, 0, 0, 0, 1)).ToList();
        var scopes = organizations.SelectMany(id => Scope.Of(OrganizationId.Parse(id.ToString()))).ToList();
        var damage = new Damage();
        await using var product = await Product.CreateAsync(postgres, azurite, ledger, folder, cancellationToken);
        var writers = Enumerable.Range(0, Writers)
            .Select(number => new ControlPlane(postgres.OwnerOf(Product.Database), [.. organizations.Skip(number * OrganizationsPerWriter).Take(OrganizationsPerWriter)], number == 0, Part(number), ledger)).ToList();
        var store = new StoreReader(product, scopes, damage, ledger, Part(10));
        var edges = product.Edges.Select((edge, number) => new EdgeReader(edge, scopes, damage, ledger, Part(20 + number))).ToList();
        var productFaults = new ProductFaults(product, ledger, Part(30));
        var surroundingFaults = new SurroundingFaults(product, scopes, damage, ledger, Part(31));

        product.Start();
        using var writing = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var reading = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] readers = [store.RunAsync(reading.Token), .. edges.Select(edge => edge.RunAsync(reading.Token))];
        Task[] others =
        [
            new Yardstick(postgres.AdministratorOf("postgres"), ledger).RunAsync(writing.Token),
            .. writers.Select(writer => writer.RunAsync(writing.Token)),
            new FaultDeck(productFaults.All, TimeSpan.FromSeconds(1.2), Part(40), ledger).RunAsync(writing.Token),
            new FaultDeck(surroundingFaults.All, TimeSpan.FromSeconds(3), Part(41), ledger).RunAsync(writing.Token),
        ];
        await Task.WhenAny([Task.Delay(options.Duration, TimeProvider.System, cancellationToken), .. others, .. readers]);
        await writing.CancelAsync();
        await Task.WhenAll(others);
        await productFaults.EndAllAsync(cancellationToken);
        await surroundingFaults.EndAllAsync(cancellationToken);

        ledger.Say("the faults have ended");
        var took = await new FinalComparison(product, scopes, damage, ledger, new StoreReader(product, scopes, damage, ledger, Part(50)), edges, folder).CompareAsync(cancellationToken);
        await reading.CancelAsync();
        await Task.WhenAll(readers);
        foreach (var edge in edges) edge.Dispose();

        foreach (var (what, count) in ledger.Counts) say(string.Create(CultureInfo.InvariantCulture, $"torture: {count,9:N0} {what}"));
        var summary = string.Create(CultureInfo.InvariantCulture,
            $"torture: {ledger.CountOf("fault: SIGKILL of a worker")} kills, {ledger.CountOf("fault: Postgres restarted") + ledger.CountOf("fault: Postgres crashed")} Postgres restarts, {ledger.CountOf("fault: store stopped")} store outages, "
            + $"{ledger.Counts.Where(count => count.Key.StartsWith("fault: ", StringComparison.Ordinal)).Sum(count => count.Value)} faults, {ledger.CountOf("transactions of writers")} transactions, "
            + $"{ledger.CountOf("scopes read from the store") + ledger.CountOf("answers of edges")} reads, seed {options.Seed}, equal {took.TotalSeconds:0} s after the last fault: {(ledger.Violations.Count == 0 ? "passed" : "failed")}");
        if (ledger.Violations.Count == 0 && options.LogDirectory is null)
        {
            await product.DisposeAsync();
            Directory.Delete(folder, recursive: true);
        }
        return new TortureOutcome(ledger.Violations, summary, folder);
    }
}
