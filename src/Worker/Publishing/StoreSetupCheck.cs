using System.Globalization;
using System.Text;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Diagnostics;

namespace ConsentSnapshots.Worker.Publishing;

/// <summary>
/// Tries in the store what a worker does there: read, list, create, replace, append. It uses names of its own, which no organization can have, and removes what it wrote. The history may be
/// under a policy that lets nothing be removed, so nothing is written there that would stay.
/// </summary>
internal sealed class StoreSetupCheck(IBlobStore blobs, StorageOptions options, TimeProvider time) : ISetupCheck
{
    private const string Folder = "_doctor/";

    // The store's times are whole seconds.
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan DeletePatience = TimeSpan.FromSeconds(5);

    // Beyond it Azure refuses tokens and signatures.
    private static readonly TimeSpan ClockLimit = TimeSpan.FromMinutes(15);

    private static readonly (BlobContainer Container, string Setting)[] s_containers =
        [(BlobContainer.Public, "Storage__Container"), (BlobContainer.Private, "Storage__PrivateContainer"), (BlobContainer.History, "Storage__HistoryContainer")];

    /// <inheritdoc/>
    public string Area => "Store";

    /// <inheritdoc/>
    public async Task CheckAsync(Findings findings, CancellationToken cancellationToken)
    {
        findings.Ok($"The store is {blobs.Description}.");
        foreach (var (container, setting) in s_containers)
        {
            var name = container.ToString().ToLowerInvariant();
            if (!await TryAsync(findings, $"read in the {name} container", setting, async () => await ReadAsync(findings, container, setting, cancellationToken))) continue;
            if (!await TryAsync(findings, $"list the {name} container", setting, () => ListAsync(container, cancellationToken))) continue;
            var written = await TryAsync(findings, $"write in the {name} container", setting, () => WriteAsync(findings, container, cancellationToken));
            if (written && container == BlobContainer.Private && options.Provider == StorageProvider.Azure)
                written = await TryAsync(findings, "append to the change log in the private container", setting, () => AppendAsync(findings, cancellationToken));
            if (written) findings.Ok($"The {name} container can be read, listed and written.");
        }
        try
        {
            await foreach (var _ in blobs.ListAsync(BlobContainer.Private, BlobNames.EarlierHistoryPrefix, cancellationToken))
            {
                findings.Fail("The store was written by an earlier version of this program, which cannot be carried over.", "Use an empty store.");
                break;
            }
        }
        catch (StoreUnavailableException)
        {
            // Said already.
        }
    }

    private async Task<bool> ReadAsync(Findings findings, BlobContainer container, string setting, CancellationToken ct)
    {
        if (await blobs.ReadRangeAsync(container, $"{Folder}none", 0, 1, null, ct) is not BlobRead.NoContainer) return true;
        // A write would create it, under a name that may be a mistake.
        findings.Warn($"There is no {container.ToString().ToLowerInvariant()} container ({setting}), so writing was not tried.", "A worker creates it at its start, where it may. Where edges serve already, the name in the setting is wrong.");
        return false;
    }

    private async Task<bool> ListAsync(BlobContainer container, CancellationToken ct)
    {
        await foreach (var _ in blobs.ListAsync(container, Folder, ct)) break;
        return true;
    }

    private async Task<bool> WriteAsync(Findings findings, BlobContainer container, CancellationToken ct)
    {
        if (options.Provider == StorageProvider.Directory)
        {
            var time = DirectoryTrial.Write(options.Directory!, container);
            if (container == BlobContainer.Private) SayClock(findings, time);
            return true;
        }
        // Whoever may not write is told so before a condition is looked at, and this condition holds for no blob.
        if (container == BlobContainer.History)
        {
            await blobs.ReplaceAsync(container, $"{Folder}none.json", "{}"u8.ToArray(), BlobProperties.PrivateJson, "\"0x0\"", ct);
            return true;
        }
        var name = $"{Folder}{Guid.NewGuid():N}.json";
        var properties = container == BlobContainer.Public ? BlobProperties.ReplacedJson : BlobProperties.PrivateJson;
        try
        {
            var etag = await blobs.CreateAsync(container, name, "{}"u8.ToArray(), properties, ct)
                ?? throw new StoreUnavailableException($"It said that {name} exists already, which nobody else knows.");
            if (container == BlobContainer.Private)
                await foreach (var blob in blobs.ListAsync(container, name, ct)) SayClock(findings, blob.LastModified);
            _ = await blobs.ReplaceAsync(container, name, "{ }"u8.ToArray(), properties, etag, ct)
                ?? throw new StoreUnavailableException($"It said that {name} has changed, which nobody else knows.");
        }
        finally
        {
            await DeleteAsync(findings, container, name);
        }
        return true;
    }

    private void SayClock(Findings findings, DateTimeOffset storeTime)
    {
        var difference = storeTime - time.GetUtcNow();
        if (difference.Duration() <= ClockTolerance)
        {
            findings.Ok("The store's clock and this machine's agree.");
            return;
        }
        var text = string.Create(CultureInfo.InvariantCulture, $"The store's clock is {difference.Duration().TotalSeconds:F0} s {(difference > TimeSpan.Zero ? "ahead of" : "behind")} this machine's.");
        if (difference.Duration() < ClockLimit) findings.Warn(text, "Let this machine follow a time server. Azure refuses tokens and signatures from 15 minutes on.");
        else findings.Fail(text, "Let this machine follow a time server: Azure refuses tokens and signatures of such a clock.");
    }

    private async Task<bool> AppendAsync(Findings findings, CancellationToken ct)
    {
        var name = $"{Folder}{Guid.NewGuid():N}.log";
        try
        {
            await blobs.AppendAsync(name, Encoding.UTF8.GetBytes("{}\n"), 1024, ct);
        }
        finally
        {
            await DeleteAsync(findings, BlobContainer.Private, name);
        }
        return true;
    }

    /// <summary>
    /// Removes what was tried, also where the command is being stopped. A worker deletes nothing, so that the identity may not is no fault; what stays is said.
    /// </summary>
    private async Task DeleteAsync(Findings findings, BlobContainer container, string name)
    {
        using var patience = new CancellationTokenSource(DeletePatience, time);
        try
        {
            await blobs.DeleteAsync(container, name, null, patience.Token);
        }
        catch (Exception exception) when (exception is StoreUnavailableException or OperationCanceledException)
        {
            // Where nothing may be written, nothing was.
            if (findings.All.Any(finding => finding.Level == FindingLevel.Failed)) return;
            findings.Warn($"Where {name} was written in the {container.ToString().ToLowerInvariant()} container, it could not be removed again: {exception.Message}", "Delete it by hand. A worker itself deletes nothing with Postgres.");
        }
    }

    private static async Task<bool> TryAsync(Findings findings, string what, string setting, Func<Task<bool>> action)
    {
        try
        {
            return await action();
        }
        catch (StoreUnavailableException exception)
        {
            findings.Fail($"The identity cannot {what}: {exception.Message}", Fix(exception, setting));
            return false;
        }
    }

    private static string Fix(StoreUnavailableException exception, string setting) => exception switch
    {
        { IsWrongKey: true } => "Correct the account's key or signature in Storage__ConnectionString.",
        _ when exception.Message.Contains(" 403 ", StringComparison.Ordinal) => $"Give the worker's identity the role Storage Blob Data Contributor on the container that {setting} names, or a signature with read, list, create, write, add and delete.",
        _ when exception.Message.Contains(" 404 ", StringComparison.Ordinal) => $"Create the container that {setting} names, or correct the setting.",
        _ when exception.Message.Contains("no container", StringComparison.Ordinal) => $"Create the container that {setting} names, or let the identity do so.",
        _ => "Look at Storage__ConnectionString, Storage__ServiceUri or Storage__Directory: the address, the network on the way, and for a directory its owner, rights and free space.",
    };
}
