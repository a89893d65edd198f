using System.Runtime.InteropServices;
using ConsentSnapshots.Storage;
using Microsoft.Win32.SafeHandles;

namespace ConsentSnapshots.Worker.Tests.Storage;

public sealed class DiskSyncTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("consent-snapshots-disk-").FullName;
    private readonly DiskThreads _threads = new(1);
    private readonly ManualResetEventSlim _gate = new();
    private readonly List<SafeFileHandle> _files = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _gate.Set();
        foreach (var file in _files) file.Dispose();
        _threads.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Content_OfManyFilesAtOnce_IsPutOnDiskTogether()
    {
        var calls = 0;
        var disk = new DiskSync(_threads, _ => calls++);
        var busy = HoldUp();

        var requests = Enumerable.Range(0, 100).Select(_ => ContentAsync(disk)).ToList();
        _gate.Set();
        await Task.WhenAll([busy, .. requests]);

        Assert.Equal(1, calls);
    }

    [Fact]
    public async Task Content_OfAFewFiles_IsFlushedFileByFile()
    {
        var disk = new DiskSync(_threads, _ => throw new InvalidOperationException("Nothing but the files has to be flushed."));

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => ContentAsync(disk)));
        await ContentAsync(disk);
    }

    [Fact]
    public async Task Content_WhereTheFileSystemHasNoSuchCall_IsFlushedFileByFile()
    {
        var disk = new DiskSync(_threads, null);

        await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => ContentAsync(disk)));
    }

    [Fact]
    public async Task Content_AfterTheStoreWasDisposedOf_FailsAndKeepsNobodyWaiting()
    {
        var disk = new DiskSync(_threads, _ => { });
        var busy = HoldUp();
        var alone = Enumerable.Range(0, 4).Select(_ => ContentAsync(disk)).ToList();
        _threads.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => ContentAsync(disk).WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Cancel));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => ContentAsync(disk).WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Cancel));

        // What had been asked for before is done.
        _gate.Set();
        await Task.WhenAll([busy, .. alone]);
    }

    /// <summary>The system reports to a descriptor what could not be written since that was opened, so only the first one hears of everything.</summary>
    [Fact]
    public async Task Content_OfManyFilesAtOnce_IsPutOnDiskThroughTheFileThatWasOpenedFirst()
    {
        SafeHandle? used = null;
        var disk = new DiskSync(_threads, descriptor => used = descriptor);
        var busy = HoldUp();
        var alone = Enumerable.Range(0, 4).Select(_ => ContentAsync(disk)).ToList();
        var opened = Enumerable.Range(0, 10).Select(_ => (Begun: disk.Begin(), File: NewFile())).ToList();

        var requests = opened.AsEnumerable().Reverse().Select(file => disk.ContentAsync(file.File, file.Begun)).ToList();
        _gate.Set();
        await Task.WhenAll([busy, .. alone, .. requests]);

        Assert.Same(opened[0].File, used);
    }

    /// <summary>What was written while a call ran may have missed it.</summary>
    [Fact]
    public async Task Content_AskedForDuringACall_WaitsForTheNextOne()
    {
        var calls = 0;
        using var entered = new SemaphoreSlim(0);
        using var goOn = new SemaphoreSlim(0);
        var disk = new DiskSync(_threads, _ =>
        {
            calls++;
            entered.Release();
            goOn.Wait(Cancel);
        });
        var busy = HoldUp();
        var before = Enumerable.Range(0, 10).Select(_ => ContentAsync(disk)).ToList();
        _gate.Set();
        await entered.WaitAsync(Cancel);

        var during = Enumerable.Range(0, 10).Select(_ => ContentAsync(disk)).ToList();
        goOn.Release();
        await Task.WhenAll([busy, .. before]);
        await entered.WaitAsync(Cancel);

        Assert.All(during, request => Assert.False(request.IsCompleted));
        goOn.Release();
        await Task.WhenAll(during);
        Assert.Equal(2, calls);
    }

    [Fact]
    public async Task Content_CallFails_EveryRequestFailsAndTheNextOnesDoNot()
    {
        var fails = true;
        var disk = new DiskSync(_threads, _ =>
        {
            if (fails) throw new IOException("The disk is broken.");
        });
        var busy = HoldUp();
        var requests = Enumerable.Range(0, 20).Select(_ => ContentAsync(disk)).ToList();
        _gate.Set();
        await busy;
        await Task.WhenAll(requests).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);

        Assert.Equal(4, requests.Count(request => request.IsCompletedSuccessfully)); // those that were flushed by themselves
        Assert.All(requests.Where(request => request.IsFaulted), request => Assert.Equal("The disk is broken.", request.Exception!.InnerException!.Message));
        fails = false;
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => ContentAsync(disk)));
    }

    /// <summary>A folder's own name stands in the folder above.</summary>
    [Fact]
    public async Task Entries_OfNewFolders_AreOnDiskUpToTheFolderThatWasThere()
    {
        var disk = new DiskSync(_folder, _threads);
        var folder = Path.Combine(_folder, "a", "b", "c");
        disk.Create(folder);

        await disk.EntriesAsync(folder);

        Assert.True(Directory.Exists(folder));
        // Nothing is left to do for the folders above, so a folder that cannot be flushed any more is not asked for.
        Directory.Delete(Path.Combine(_folder, "a"), recursive: true);
        await Assert.ThrowsAsync<IOException>(() => disk.EntriesAsync(folder));
        await disk.EntriesAsync(_folder);
    }

    /// <summary>The only thread has something else to do until the gate is opened.</summary>
    private Task<bool> HoldUp() => _threads.RunAsync(() =>
    {
        _gate.Wait(Cancel);
        return true;
    }, Cancel);

    private Task ContentAsync(DiskSync disk)
    {
        var begun = disk.Begin();
        return disk.ContentAsync(NewFile(), begun);
    }

    private SafeFileHandle NewFile()
    {
        var file = File.OpenHandle(Path.Combine(_folder, Guid.NewGuid().ToString("N")), FileMode.CreateNew, FileAccess.Write);
        RandomAccess.Write(file, "content"u8, 0);
        _files.Add(file);
        return file;
    }
}
