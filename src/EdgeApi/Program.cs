using ConsentSnapshots.EdgeApi;
using ConsentSnapshots.EdgeApi.Options;

try
{
    await using var app = EdgeApp.Build(args);
    await app.RunAsync();
    return 0;
}
catch (InvalidOptionsException exception)
{
    await Console.Error.WriteLineAsync(exception.Message);
    return 2;
}
