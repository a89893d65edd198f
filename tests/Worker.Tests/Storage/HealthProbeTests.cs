using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Tests.Storage;

public sealed class HealthProbeTests
{
    [Theory]
    [InlineData("http://+:8080", "http://127.0.0.1:8080/")]
    [InlineData("http://*:9464", "http://127.0.0.1:9464/")]
    [InlineData("http://0.0.0.0:8080", "http://127.0.0.1:8080/")]
    [InlineData("http://[::]:8080", "http://127.0.0.1:8080/")]
    [InlineData("http://*", "http://127.0.0.1/")]
    [InlineData(" http://localhost:5000 ", "http://localhost:5000/")]
    [InlineData("http://10.1.2.3:8080/", "http://10.1.2.3:8080/")]
    [InlineData("http://[::1]:8080", "http://[::1]:8080/")]
    public void AddressOf_WhatAProgramListensOn_IsWhereItCanBeAsked(string listens, string asked) => Assert.Equal(asked, HealthProbe.AddressOf(listens)?.AbsoluteUri);

    [Theory]
    [InlineData("https://+:8443")]
    [InlineData("http://unix:/run/edge.sock")]
    [InlineData("8080")]
    [InlineData("")]
    public void AddressOf_AnythingButHttpOverTcp_IsNone(string listens) => Assert.Null(HealthProbe.AddressOf(listens));
}
