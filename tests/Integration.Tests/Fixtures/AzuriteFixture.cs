using System.Security.Cryptography;
using Azure.Storage.Blobs;
using ConsentSnapshots.Integration.Tests.Fixtures;
using DotNet.Testcontainers.Builders;
using DotNet.Testcontainers.Containers;

[assembly: AssemblyFixture(typeof(AzuriteFixture))]

namespace ConsentSnapshots.Integration.Tests.Fixtures;

/// <summary>Azurite, Azure Blob Storage's emulator; every test takes containers with names of its own.</summary>
public sealed class AzuriteFixture : ContainerFixture
{
    private const int BlobPort = 10_000;
    private const string Account = "consent";
    private readonly string _key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(64));
    private int _names;

    /// <summary>The connection string; the server is started when it is first asked for.</summary>
    public async Task<string> ConnectionStringAsync(CancellationToken cancellationToken)
    {
        await ContainerAsync(cancellationToken);
        return $"DefaultEndpointsProtocol=http;AccountName={Account};AccountKey={_key};" +
            $"BlobEndpoint=http://127.0.0.1:{Port}/{Account};";
    }

    /// <summary>A container name no other test has; the container does not exist yet.</summary>
    public string NextContainerName(string prefix = "test") => $"{prefix}-{Interlocked.Increment(ref _names)}";

    /// <summary>A client of a new, empty container.</summary>
    public async Task<BlobContainerClient> CreateContainerAsync(CancellationToken cancellationToken)
    {
        var client = new BlobContainerClient(await ConnectionStringAsync(cancellationToken), NextContainerName());
        await client.CreateAsync(cancellationToken: cancellationToken);
        return client;
    }

    protected override IContainer Build() => new ContainerBuilder(TestImages.Azurite)
        .WithEntrypoint("azurite-blob")
        // The SDK speaks a newer version of the API than the emulator knows; what it answers is tested where it matters.
        .WithCommand("--blobHost", "0.0.0.0", "--location", "/data", "--silent", "--skipApiVersionCheck", "--disableTelemetry")
        .WithEnvironment("AZURITE_ACCOUNTS", $"{Account}:{_key}")
        .WithPortBinding(Port, BlobPort)
        .WithLabel(TestRun.Label, TestRun.Id)
        // Any answer will do: a request that is not signed is refused, by a server that listens.
        .WithWaitStrategy(Wait.ForUnixContainer()
            .UntilHttpRequestIsSucceeded(request => request.ForPort(BlobPort).ForStatusCodeMatching(_ => true)))
        .Build();
}
