using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Tests.Publishing;

namespace ConsentSnapshots.Integration.Tests.Publishing;

/// <summary>The publication protocol on Azure's own semantics: every test of the directory store again, on Azurite.</summary>
public sealed class AzurePublisherTests(AzuriteFixture azurite) : PublisherTests
{
    protected override async Task<IBlobStore> CreateStoreAsync() => new AzureBlobStore(
        new StorageOptions
        {
            Provider = StorageProvider.Azure,
            ConnectionString = await azurite.ConnectionStringAsync(TestContext.Current.CancellationToken),
            Container = azurite.NextContainerName("public"),
            PrivateContainer = azurite.NextContainerName("private"),
            HistoryContainer = azurite.NextContainerName("history"),
        },
        StoreRetries.Patient(TimeSpan.FromMinutes(2)));
}
