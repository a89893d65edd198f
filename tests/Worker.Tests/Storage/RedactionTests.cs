using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Tests.Storage;

public sealed class RedactionTests
{
    [Theory]
    [InlineData("mysql", "'mysql'")]
    [InlineData("every minute", "'every minute'")]
    [InlineData("/var/lib/consent-snapshots", "'/var/lib/consent-snapshots'")]
    [InlineData("public.destinations; drop table x", "'public.destinations; drop table x'")]
    [InlineData("6f9619ff-8b86-d011-b42d-00cf4fc964ff", "'6f9619ff-8b86-d011-b42d-00cf4fc964ff'")]
    [InlineData("a\u001b[31mb\nc", @"'a\u001b[31mb\u000ac'")]
    [InlineData("", "empty")]
    [InlineData(null, "empty")]
    public void Show_PlainValue_IsShown(string? value, string expected) => Assert.Equal(expected, Redaction.Show(value));

    [Theory]
    [MemberData(nameof(Secrets))]
    public void Show_ValueThatMayHoldASecret_IsNotShown(string value)
    {
        Assert.StartsWith("a text of ", Redaction.Show(value), StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", Redaction.ShowAddress(value), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Secrets))]
    public void Clean_MessageThatQuotesASecret_MasksIt(string value)
    {
        Assert.DoesNotContain("hunter2", Redaction.Clean($"It failed: {value}\nand again '{value}'."), StringComparison.Ordinal);
    }

    public static TheoryData<string> Secrets =>
    [
        "Host=db;Password=hunter2hunter2;Database=app",
        "host=db user=app password=hunter2 dbname=app",
        "Host=db;Password='hunter2 hunter2'",
        "postgres://app:hunter2@db:5432/app?sslmode=require",
        "postgres://app:p/w?hunter2@db/app",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=hunter2Ahunter2Bhunter2C==;EndpointSuffix=core.windows.net",
        "BlobEndpoint=https://a.blob.core.windows.net;SharedAccessSignature=sv=2024-01-01&ss=b&sig=hunter2%3D",
        "https://a.blob.core.windows.net/?sv=2024-01-01&sig=hunter2%3D&se=2030",
        "https://user:hunter2@account.blob.core.windows.net/",
    ];

    [Theory]
    [InlineData("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")]
    [InlineData("Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA")]
    public void Show_Key_IsNotShown(string value) => Assert.StartsWith("a text of ", Redaction.Show(value), StringComparison.Ordinal);

    [Theory]
    [InlineData("https://u:secret@cdn.example:8443/path?sig=secret#secret", "'https://cdn.example:8443/path'")]
    [InlineData("http://account.blob.core.windows.net", "'http://account.blob.core.windows.net/'")]
    [InlineData("cdn.example", "'cdn.example'")]
    public void ShowAddress_Address_LosesWhatMayBeACredential(string value, string expected) => Assert.Equal(expected, Redaction.ShowAddress(value));

    [Theory]
    [InlineData("ordinary näme ✓ 日本語 می‌خواهم", "ordinary näme ✓ 日本語 می‌خواهم")]
    [InlineData("\u001b[2J\u009b1m\u0007\r\nx\t\u007f", @"\u001b[2J\u009b1m\u0007\u000d\u000ax\u0009\u007f")]
    [InlineData("a\u202egnp.exe\u2028\ufeff", @"a\u202egnp.exe\u2028\ufeff")]
    public void Printable_ControlCharacters_AreEscaped(string text, string expected) => Assert.Equal(expected, Redaction.Printable(text));

    [Theory]
    [InlineData("ConnectionStrings:Postgres must be Host=…;Password=…")]
    [InlineData("'accessToken' must be a string, and is a number.")]
    [InlineData("Check user name and password in ConnectionStrings:Postgres.")]
    [InlineData("A design: https://cdn.example/a.js")]
    public void Clean_MessageWithoutASecret_StaysAsItIs(string text) => Assert.Equal(text, Redaction.Clean(text));
}
