using ConsentSnapshots.EdgeApi.Disk;

namespace ConsentSnapshots.EdgeApi.Tests.Disk;

public sealed class FileIndexTests
{
    private const long Block = 4096;
    private readonly FileIndex _files = new(10 * Block);

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, Block)]
    [InlineData(Block, Block)]
    [InlineData(Block + 1, 2 * Block)]
    public void Set_AFile_CountsTheBlocksThatItTakes(long length, long expected)
    {
        _files.TakeRoom("a", length);
        _files.Set("a", length, 1);

        Assert.Equal(expected, _files.OnDisk);
    }

    [Fact]
    public void TakeRoom_BeyondTheLimit_TakesItFromThoseUsedLongestAgo()
    {
        for (var number = 0; number < 10; number++) Write($"{number}", used: number);
        _files.Use("0", 100);

        var gone = _files.TakeRoom("new", 1);

        // One more than needed, so that not every write has to sort.
        Assert.Equal(["1", "2"], gone);
    }

    [Fact]
    public void TakeRoom_ForAReplacement_CountsBothFilesUntilTheNewOneIsInPlace()
    {
        Write("a", used: 1);

        _files.TakeRoom("a", 1);

        Assert.Equal(2 * Block, _files.OnDisk);
        _files.Set("a", 1, 2);
        Assert.Equal((Block, 1), (_files.OnDisk, _files.Count));
    }

    [Fact]
    public void TakeRoom_NoRoomForBothVersions_GivesUpTheOldOneLast()
    {
        _files.TakeRoom("large", 6 * Block);
        _files.Set("large", 6 * Block, 1);
        Write("other", used: 2);

        Assert.Equal(["other", "large"], _files.TakeRoom("large", 6 * Block));
    }

    [Fact]
    public void GiveBack_FileThatWasNotWritten_IsNotCounted()
    {
        _files.TakeRoom("a", 5);
        _files.GiveBack(5);

        Assert.Equal((0, 0), (_files.OnDisk, _files.Count));
    }

    [Fact]
    public void Remove_AFile_IsCountedNoLonger()
    {
        Write("a", used: 1);

        _files.Remove("a");
        _files.Remove("a");

        Assert.Equal((0, 0), (_files.OnDisk, _files.Count));
    }

    private void Write(string name, long used)
    {
        Assert.Empty(_files.TakeRoom(name, 1));
        _files.Set(name, 1, used);
    }
}
